"""A station that has been open for a while, with something on every page of its console, to look at and to photograph.

python -m tests.support.showroom FOLDER          # serves it until Ctrl-C; where and who is in FOLDER/logins.json
python -m tests.support.showroom.camera FOLDER   # meanwhile: pictures of its pages into FOLDER/pictures
"""
