"""Helpers that any package may use.

Here are names for kinds of arrays, files that are written whole or not at all, generators that run in a thread of their
own, times as text, messages on stderr and the choice of a device. All take and give plain values, paths and arrays.
Nothing here knows of films, colours, models or users' options.
"""
