"""How an address of the HTTP interface answers methods."""

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Receive, Scope, Send


class ApiRoute(APIRoute):
    """A route that answers HEAD as GET, of which the server sends no body; not for events, which never end."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a request is for this route."""
        return super().matches({**scope, "method": "GET"} if self._is_head(scope) else scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that matches."""
        if self._is_head(scope):
            await self.app(scope, receive, send)
        else:
            await super().handle(scope, receive, send)

    def _is_head(self, scope: Scope) -> bool:
        is_known = "GET" in (self.methods or ()) and not self.path.endswith("/events")
        return is_known and scope["type"] == "http" and scope["method"] == "HEAD"
