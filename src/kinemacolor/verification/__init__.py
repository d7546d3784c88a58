"""An independent check of results: takes a film and what was made of it, gives `Check`s in words.

It reads both through FFmpeg and Pillow with code of its own and imports nothing of `video`: what reader and writer do
not know of a film, they cannot hide here. What the source has and the result has not is a difference, unless
`intended.py` names it.
"""
