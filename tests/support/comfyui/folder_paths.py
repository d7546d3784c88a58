"""ComfyUI's folders, by the signatures of its sources: `root` is set by a test."""

import os

root = ""


def get_output_directory() -> str:
    return os.path.join(root, "output")


def get_input_directory() -> str:
    return os.path.join(root, "input")


def get_temp_directory() -> str:
    return os.path.join(root, "temp")


def get_annotated_filepath(name: str) -> str:
    return os.path.join(get_input_directory(), name)


def get_save_image_path(
    filename_prefix: str, output_dir: str, image_width: int = 0, image_height: int = 0
) -> tuple[str, str, int, str, str]:
    """As ComfyUI does it: a folder in the output, a name, the next number; nothing outside of the output."""
    filename_prefix = filename_prefix.replace("%width%", str(image_width)).replace("%height%", str(image_height))
    subfolder = os.path.dirname(os.path.normpath(filename_prefix))
    filename = os.path.basename(os.path.normpath(filename_prefix))
    folder = os.path.join(output_dir, subfolder)
    if os.path.commonpath((output_dir, os.path.abspath(folder))) != output_dir:
        raise ValueError("Saving image outside the output folder is not allowed")
    os.makedirs(folder, exist_ok=True)
    return folder, filename, 1, subfolder, filename_prefix
