"""The routes of the HTTP interface by subject, each module with a router of its own that `rest_api` includes.

They take what was asked from a request, ask the `Service` or its helpers, and answer with what JSON or a file can hold.
"""
