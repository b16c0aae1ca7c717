"""What `--map` refuses of a `source.toml` instead of leaving it out; what it takes is in
`trace/layouts/test_mapping.py`.
"""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import pytest

from bondsig_assets.commands.report_columns import read_mapping
from bondsig_assets.errors import BondsigError

BLOCK = """
[[trace_reports]]
files = "trace.csv"
[trace_reports.columns]
cusip = "bond"
price = "px"
par_usd = { column = "size", unit = "thousands" }
yield_pct = YIELD
view = { value = "regulatory" }
status = { value = "T" }
message_number = { value = "1" }
reported_at = "day"
executed_at = { column = "day", time = "clock", format = "%d/%m/%Y" }
"""


@pytest.mark.parametrize("key", ["zero_is_null = true", 'null = ["-9"]', "default = 3", "cap = 9"])
def test_what_clean_does_not_follow_is_refused_by_name(tmp_path, key):
    rule = f'{{ column = "yld", {key} }}'
    (tmp_path / "source.toml").write_text(BLOCK.replace("YIELD", rule))
    with pytest.raises(BondsigError, match=rf"yield_pct: .*{key.split()[0]}") as caught:
        read_mapping([str(tmp_path / "source.toml")])
    assert "\n" not in str(caught.value)
