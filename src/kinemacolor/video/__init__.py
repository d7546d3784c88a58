"""Films and pictures on disk: reading their luma, and writing them again with colour.

Takes paths; gives what a film is (`VideoInfo`) and its frames as luma codes with timestamps (`FrameBlock`).
Writers take the Cb and Cr codes of each frame, copy sound, subtitles and metadata of the source, and give a film or
pictures. Nothing here knows of models, references, shots or plans; colours come as finished codes.
"""
