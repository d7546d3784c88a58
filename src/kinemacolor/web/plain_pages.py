"""Pages without scripts: for who asks for an address that leads to nothing, or is not known to the server."""

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse

_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{title} · Kinemacolor</title>
    <link rel="icon" href="/page/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/page/core/tokens.css">
    <link rel="stylesheet" href="/page/plain.css">
  </head>
  <body>
    <main>
      <img src="/page/icon.svg" alt="" width="48" height="48">
      <h1>{title}</h1>
      {content}
    </main>
  </body>
</html>
"""
_NOTHING_HERE = '<p>This address leads to nothing. <a href="/">Go to your films</a></p>'
_SIGN_IN = """{wrong}<p>Open the address that <code>kinemacolor web</code> shows where it was started. Or copy the token
      from it: all that stands after <code>token=</code>.</p>
      <form method="get">
        <label>Token <input name="token" required autofocus autocomplete="off" spellcheck="false"></label>
        <button>Open</button>
      </form>"""
_WRONG = '<p class="wrong" role="alert">This is not the token of this server: is it whole?</p>'


def make_sign_in_page(given: str | None = None) -> HTMLResponse:
    """Ask for the token. ``given``: one that was not right."""
    content = _SIGN_IN.format(wrong=_WRONG if given else "")
    return HTMLResponse(_PAGE.format(title="Enter the token", content=content), 401)


def make_not_found_page() -> HTMLResponse:
    """Say that an address leads to nothing, and where to go from there."""
    return HTMLResponse(_PAGE.format(title="There is nothing here", content=_NOTHING_HERE), 404)


def wants_page(headers: Headers) -> bool:
    """Whether a request is a browser's for something to read, not a program's or a script's."""
    return "text/html" in headers.get("accept", "")
