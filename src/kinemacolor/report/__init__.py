"""Measures the predictions for a plan without true colours, and says which shots a person should look at.

Takes a plan and its work folder, all passes of which are complete; gives a folder with `report.json`, an HTML page and
pictures. It runs no colorization model, writes no film, and knows nothing of the command line or the web server.
"""
