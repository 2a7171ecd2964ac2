"""The rows as text."""


def line(row):
    """Returns a row as a line to print."""
    low, high = row["quartiles"]
    text = (
        f"{row['case']:25} {row['kind']:18} {row['median']:8.3f} "
        f"({low:.3f} to {high:.3f}, {row['count']}) {row['quantity']}"
    )
    if row["limit"] is not None:
        text += f" [limit {row['limit']:g}]"
    return text + (f": {row['doubt']}" if row["doubt"] else "")
