"""Which metadata of a film and its streams is copied, and in which words a container takes it."""

CONTAINER_METADATA_KEYS = {
    *("major_brand", "minor_version", "compatible_brands", "encoder"),
    *("handler_name", "vendor_id", "duration"),
    *("operational_pattern_ul", "uid", "generation_uid", "company_name", "product_name", "product_version_num"),
    *("product_version", "application_platform", "product_uid", "toolkit_version_num", "modification_date"),
    *("material_package_umid", "file_package_umid"),
}
# ISO 639-2 has two codes for some languages; of these FFmpeg writes one into QuickTime, and no other one.
_QUICKTIME_LANGUAGES = {
    **{"sqi": "alb", "hye": "arm", "eus": "baq", "mya": "bur", "zho": "chi", "nld": "dut", "kat": "geo", "deu": "ger"},
    **{"ell": "gre", "isl": "ice", "mkd": "mac", "msa": "may", "fas": "per", "bod": "tib", "cym": "wel"},
    **{"cze": "ces", "fre": "fra", "rum": "ron", "slo": "slk", "swe": "sve", "gle": "iri"},
}


def copy_metadata(source: dict[str, str], target: dict[str, str]) -> None:
    """Copy all metadata but what a container writes about itself (`CONTAINER_METADATA_KEYS`)."""
    target.update({key: value for key, value in source.items() if key.lower() not in CONTAINER_METADATA_KEYS})


def copy_stream_metadata(source: dict[str, str], target: dict[str, str], container: str) -> None:
    """Copy the metadata of a stream in the words that the muxer of a container, by FFmpeg's name, takes."""
    copy_metadata(source, target)
    if "name" in target and "title" not in target:  # what a title is called where it was read from MP4 or QuickTime
        target["title"] = target.pop("name")
    if container == "mov" and "language" in target:
        target["language"] = _QUICKTIME_LANGUAGES.get(target["language"], target["language"])
