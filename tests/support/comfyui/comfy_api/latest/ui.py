"""What a node shows on the page (comfy_api/latest/_ui.py of ComfyUI)."""

from typing import Any


class SavedResult(dict):
    def __init__(self, filename: str, subfolder: str, type: Any) -> None:  # noqa: A002  as in ComfyUI
        super().__init__(filename=filename, subfolder=subfolder, type=type.value)


class PreviewVideo:
    def __init__(self, values: list[Any], **kwargs: Any) -> None:
        self.values = values

    def as_dict(self) -> dict[str, Any]:
        return {"images": self.values, "animated": (True,)}
