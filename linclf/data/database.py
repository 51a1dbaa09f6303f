"""DATA that names a table or a query of a database: FILE::TABLE or FILE::SELECT ..."""

import os


def split_database(data: str) -> tuple[str, str | None]:
    """The path of DATA, and the table or query after `::`; None without one, and for the name of a file that exists."""
    path, separator, table = data.partition("::")
    return (data, None) if not separator or os.path.exists(data) else (path, table)
