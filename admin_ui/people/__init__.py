"""Who works where: the same pages for the master's console and the stations'. Each file makes the controllers of one
resource for a place, which is told apart by where its addresses begin and by which permissions it asks for.
"""
