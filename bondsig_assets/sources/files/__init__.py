"""The source `files`: a folder of a user's files, described by a `source.toml`.

Belongs in this package: reading the description, the files, their rows and values, and saying what
is wrong with them. Not here: other origins, and judging what rows mean.
"""

from bondsig_assets.sources.files.source import FilesSource

__all__ = ["FilesSource"]
