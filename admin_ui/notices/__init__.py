"""The bell, the list of notices, who is told what on which way, and the log of what was sent: one room, which stands
in a station's console and in the master's.
"""
