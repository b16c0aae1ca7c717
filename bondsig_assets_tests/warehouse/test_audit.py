"""Who did what stands in the lake, together with what was done."""

from __future__ import annotations

import pytest

from bondsig_assets.errors import WarehouseError
from bondsig_assets.home import Home
from bondsig_assets.warehouse import Write
from bondsig_assets.warehouse.audit import audit_row, read_audit, text_hash
from bondsig_assets.warehouse.shared_settings import put
from bondsig_assets_tests.warehouse.frames import predictions, span


def test_a_row_is_written_with_the_change_or_not_at_all(warehouse, monkeypatch):
    monkeypatch.setenv("BONDSIG_USER", "ada")
    change = Write("predictions", predictions(0, 1), span(0, 1))
    broken = Write("predictions", predictions(0, 1), span(0, 0))
    with pytest.raises(WarehouseError):
        warehouse.replace(broken, audit_row("launch", "x"))
    assert read_audit(warehouse, 9).is_empty()
    warehouse.replace(change, audit_row("launch", "bondsig run", detail="two days"))
    warehouse.replace(audit_row("champion", "b", before="a", after="b", by="bob"))
    newest, first = read_audit(warehouse, 9).drop("happened_at").rows()
    assert newest == ("bob", "champion", "b", text_hash("a"), text_hash("b"), "")
    assert first == ("ada", "launch", "bondsig run", None, None, "two days")
    assert read_audit(warehouse, 1).height == 1


def test_settings_of_a_folder_are_put_there_and_told(warehouse, monkeypatch):
    monkeypatch.delenv("BONDSIG_CATALOG", raising=False)
    home = Home(warehouse.home)
    assert put(home, "portfolio", "# one\n") and put(home, "portfolio", "# two\n")
    assert not put(home, "portfolio", "# two\n")
    assert home.portfolio_file.read_text() == "# two\n"
    rows = read_audit(warehouse, 9).select("subject", "before_hash", "after_hash").rows()
    one, two = text_hash("# one\n"), text_hash("# two\n")
    assert rows == [("portfolio", one, two), ("portfolio", None, one)]
