"""Models, champions and scores in the graph: restarts, the registry, what a person decides, and
what goes wrong.

Belongs here: behaviour of the learning assets over a whole home. Not here: statistics
(`learning/`).
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from bondsig_assets.calendar import at_or_after
from bondsig_assets.commands import doctor
from bondsig_assets.commands.cli import cli
from bondsig_assets.errors import RunError
from bondsig_assets.home import Home
from bondsig_assets.learning import scoring, training
from bondsig_assets.learning.settings import LearningSettings, load_settings
from bondsig_assets.resources.tracking import TrackingResource, model_id
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.graph.homes import copy_home, run

pytestmark = pytest.mark.slow

LAST = date(2024, 3, 28)
#: The rule for signals that the home has: other settings leave it alone, where it is not meant.
SIGNALS = "[signals]\nmargin = 0.0\n"


@pytest.fixture
def home(full_home, tmp_path, unrendered) -> Home:
    """A copy of the whole home."""
    return copy_home(full_home, tmp_path / "home")


def test_a_training_that_was_stopped_goes_on_with_the_next_fold(home, monkeypatch):
    home.learning_file.write_text('models = ["ridge", "elastic_net"]\n[ridge]\npenalty = 0.5\n')
    warehouse, fitted, fit = Warehouse(home.path), [], training.train_model

    def stops_in_the_third(data, fold, *others):
        if fold.quarter == date(2024, 1, 1):
            raise KeyboardInterrupt
        return fit(data, fold, *others)

    monkeypatch.setattr(training, "train_model", stops_in_the_third)
    with pytest.raises((KeyboardInterrupt, RunError)):
        run(home, select="key:models", again=True)
    kept = warehouse.read_table("models", columns=["fold", "model_name", "data_hash"]).filter(
        pl.col("fold") < date(2024, 1, 1)
    )
    assert set(kept["model_name"]) == {
        "ridge",
        "elastic_net",
        "equity_only",
        "ensemble",
    }, "finished folds are written"
    monkeypatch.setattr(
        training,
        "train_model",
        lambda data, fold, *others: (fitted.append(fold.quarter), fit(data, fold, *others))[1],
    )
    run(home, select="key:models", again=True)
    assert set(fitted) == {date(2024, 1, 1)}, "folds finished before the stop are not fitted again"
    assert set(warehouse.read_table("models", columns=["model_name"])["model_name"]) == {
        "ridge",
        "elastic_net",
        "equity_only",
        "ensemble",
    }


def test_settings_that_changed_train_again_what_they_decide_and_mistakes_in_them_are_one_line(
    home, monkeypatch
):
    monkeypatch.setenv("BONDSIG_HOME", str(home.path))
    warehouse, told = Warehouse(home.path), CliRunner()
    before = warehouse.read_table("scores")
    home.learning_file.write_text('models = ["ridge"]\n[ridge]\npenalty = -1.0\n')
    assert (
        "learning.toml: ridge.penalty = -1.0 must be above 0"
        in (wrong := told.invoke(cli, ["run"]).output)
        and "SettingsError" not in wrong
    )
    assert warehouse.read_table("scores").equals(before)
    home.learning_file.write_text(f'models = ["ridge"]\n[ridge]\npenalty = 5.0\n{SIGNALS}')
    done = told.invoke(cli, ["run"])
    assert (
        done.exit_code == 0
        and "asks for other models than were trained for 3 quarters" in done.output
    ), done.output
    assert set(warehouse.read_table("models", columns=["model_name"])["model_name"]) == {
        "ridge",
        "equity_only",
    }
    assert warehouse.read_table("scores").height == before.height and not warehouse.read_table(
        "scores"
    )["prediction"].equals(before["prediction"])
    assert "everything is done already" in told.invoke(cli, ["run"]).output


def test_another_rule_for_signals_filters_every_day_again_and_trains_nothing(home, monkeypatch):
    monkeypatch.setenv("BONDSIG_HOME", str(home.path))
    warehouse, told = Warehouse(home.path), CliRunner()
    before, models = warehouse.read_table("signals"), warehouse.read_table("models")
    home.learning_file.write_text(
        "[signals]\nmargin = 0.0\nminimum_probability = 0.0\nquantile = 0.2\n"
    )
    done = told.invoke(cli, ["run"])
    assert (
        done.exit_code == 0
        and "asks for other signals than there are on" in done.output
        and "other models" not in done.output
    ), done.output
    after = warehouse.read_table("signals")
    assert (
        after.height > 1.5 * before.height
        and before.join(after, on=["ticker", "trade_date", "direction"], how="anti").is_empty()
    )
    assert (
        warehouse.read_table("models").equals(models)
        and warehouse.read("SELECT n_signals FROM thresholds WHERE rule = 'signals'").item()
        == after.height
    )
    again = told.invoke(cli, ["run"]).output
    assert "everything is done already" in again and "other signals" not in again


@pytest.mark.parametrize(
    "windows",
    [
        "minimum_train_days = 100000",
        'window = "rolling"\nrolling_days = 10',
        "calibration_days = 500",
    ],
)
def test_windows_that_leave_nothing_to_train_on_leave_everything_as_it_was(home, windows):
    warehouse = Warehouse(home.path)
    before = {
        name: warehouse.read_table(name)
        for name in ("models", "holdout_ics", "champions", "scores", "evaluations")
    }
    home.learning_file.write_text(f'models = ["ridge"]\n[walk_forward]\n{windows}\n')
    with pytest.raises(
        RunError,
        match="^models: nothing could be trained, models stay as they were: fold 2023-07-01: ",
    ):
        run(home, select="key:models+", again=True)
    assert all(warehouse.read_table(name).equals(frame) for name, frame in before.items())


@pytest.mark.parametrize(
    ("windows", "first"),
    [("calibration_days = 200", date(2023, 10, 1)), ("minimum_train_days = 290", date(2023, 7, 1))],
)
def test_a_quarter_that_settings_leave_out_is_told_once_and_the_next_run_finds_its_work_done(
    home, monkeypatch, windows, first
):
    """A quarter too short to split is dropped with its scores; one that is no quarter of the study
    any more keeps them.
    """
    monkeypatch.setenv("BONDSIG_HOME", str(home.path))
    warehouse = Warehouse(home.path)
    home.learning_file.write_text(f'models = ["ridge"]\n[walk_forward]\n{windows}\n{SIGNALS}')
    done = CliRunner().invoke(cli, ["run"])
    assert done.exit_code == 0, done.output
    assert warehouse.read_table("models")["fold"].min() == first and warehouse.read_table("scores")[
        "trade_date"
    ].min() == at_or_after(first)
    again = CliRunner().invoke(cli, ["run"]).output
    assert "everything is done already" in again and "asks for other models" not in again


def test_a_home_without_models_has_no_champions_and_days_without_scores(home):
    warehouse = Warehouse(home.path)
    warehouse.replace(
        *(Write(name, TABLES[name].empty()) for name in ("models", "holdout_ics", "champions"))
    )
    run(home, select="key:champions", again=True)
    assert warehouse.read_table("champions").is_empty()


def test_a_registry_that_is_down_leaves_the_day_marked_and_earlier_scores_as_they_were(
    home, monkeypatch
):
    warehouse = Warehouse(home.path)
    warehouse.replace(
        *(
            Write(name, TABLES[name].empty(), (LAST, LAST))
            for name in ("scores", "predictions", "explanations")
        )
    )
    before = warehouse.read_table("scores")
    monkeypatch.setenv("BONDSIG_MLFLOW", "http://127.0.0.1:9")
    with pytest.raises(
        RunError, match="2024-03-28 not scored: MLflow at http://127.0.0.1:9 does not answer"
    ):
        run(home, LAST, LAST, select="key:scores", again=True)
    marked = warehouse.read_table("unscored_days").filter(pl.col("trade_date") == LAST).to_dicts()
    assert [row["reason"] for row in marked] == ["registry_unreachable"] and "start it" in marked[
        0
    ]["explanation"]
    assert warehouse.read_table("scores").equals(before)
    monkeypatch.delenv("BONDSIG_MLFLOW")
    run(home, LAST, LAST, select="key:scores", again=True)
    assert warehouse.read_table("scores", between=(LAST, LAST)).height > 15
    assert warehouse.read_table("unscored_days").filter(pl.col("trade_date") == LAST).is_empty(), (
        "a day that is scored later leaves the table"
    )


def test_a_model_whose_features_are_declared_otherwise_is_refused(home, monkeypatch):
    warehouse, before = Warehouse(home.path), Warehouse(home.path).read_table("scores")
    monkeypatch.setattr(scoring, "feature_hash", lambda features: "another")
    with pytest.raises(
        RunError,
        match=r"not scored: model bayes_ridge .* was trained on features declared otherwise",
    ):
        run(home, LAST, LAST, select="key:scores", again=True)
    assert warehouse.read_table("scores").equals(before)


def test_the_registry_holds_what_scored(full_home):
    warehouse, tracking = Warehouse(full_home.path), TrackingResource(home=str(full_home.path))
    champion = warehouse.read_table("champions").to_dicts()[-1]
    mlflow = tracking.connect()
    loaded = mlflow.pyfunc.load_model("models:/bondsig@champion")
    assert champion["registry_version"] == str(
        mlflow.MlflowClient().get_model_version_by_alias("bondsig", "champion").version
    )
    rows = warehouse.read_table("explanations", between=(LAST, LAST)).join(
        warehouse.read_table("scores", between=(LAST, LAST)), on=["parent_id", "trade_date"]
    )
    names = warehouse.read(
        "SELECT features FROM models WHERE model_version = ?", [champion["model_version"]]
    )["features"][0].to_list()
    import pandas as pd

    said = loaded.predict(
        pd.DataFrame(np.array(rows["inputs"].to_list(), dtype=float), columns=names)
    )
    np.testing.assert_array_equal(said["prediction"].to_numpy(), rows["prediction"].to_numpy())
    np.testing.assert_array_equal(
        said["probability_underperform"].to_numpy(), rows["probability_underperform"].to_numpy()
    )


def test_a_training_is_one_run_with_its_folds_below_and_the_settings_that_repeat_it(
    full_home, tmp_path
):
    warehouse, mlflow = (
        Warehouse(full_home.path),
        TrackingResource(home=str(full_home.path)).connect(),
    )
    client, models = mlflow.MlflowClient(), warehouse.read_table("models").sort("fold")
    fold = client.get_run(models["mlflow_run_id"][-1])
    parent = client.get_run(fold.data.tags["mlflow.parentRunId"])
    assert (
        parent.data.params["n_folds"] == str(models["fold"].n_unique())
        and parent.data.tags["git_commit"]
    )
    history = client.get_metric_history(parent.info.run_id, "calibration_ic_ridge")
    assert [one.value for one in history] == models.filter(pl.col("model_name") == "ridge")[
        "calibration_ic"
    ].to_list()
    of_fold = models.filter(fold=models["fold"][-1])
    reached = dict(of_fold.select("model_name", "calibration_ic").iter_rows())
    assert {name: fold.data.metrics[f"calibration_ic_{name}"] for name in reached} == reached
    for name, uri in of_fold.select("model_name", "mlflow_model_uri").drop_nulls().iter_rows():
        of_model = {one.key: one.value for one in mlflow.get_logged_model(model_id(uri)).metrics}
        assert of_model[f"calibration_ic_{name}"] == reached[name]
        assert all(key.endswith(f"_{name}") for key in of_model), "a model has its own numbers"
    repeated = tmp_path / "learning.toml"
    repeated.write_text(mlflow.artifacts.load_text(f"runs:/{parent.info.run_id}/learning.toml"))
    assert load_settings(repeated) == load_settings(full_home.learning_file) != LearningSettings()


def test_contributions_add_up_to_every_score(full_home):
    warehouse = Warehouse(full_home.path)
    rows = warehouse.read_table("explanations").join(
        warehouse.read_table("scores").select("parent_id", "trade_date", "prediction"),
        on=["parent_id", "trade_date"],
    )
    total = rows["base_value"] + rows["contributions"].list.sum()
    assert rows.height == warehouse.read_table("scores").height
    np.testing.assert_allclose(total.to_numpy(), rows["prediction"].to_numpy(), atol=1e-6)


def test_replaying_the_gate_gives_the_same_champions_and_keeps_what_a_person_decided(
    home, monkeypatch
):
    monkeypatch.setenv("BONDSIG_HOME", str(home.path))
    warehouse = Warehouse(home.path)
    before = warehouse.read_table("champions")
    run(home, select="key:champions", again=True)
    assert warehouse.read_table("champions").equals(before)
    assert before["known_at"].is_sorted() and before["valid_to_date"].null_count() == 1
    flat = warehouse.read(
        "SELECT c.is_flat, m.calibration_slope >= 0 AND coalesce(m.calibration_slope_cds, 0) >= 0"
        " AS wanted FROM champions c JOIN models m USING (model_version) ORDER BY valid_from_date"
    )
    assert flat.height == before.height and flat["is_flat"].equals(flat["wanted"])
    done = CliRunner().invoke(cli, ["champion", "xgboost 2024-01-01", "--from", "2024-03-01"])
    assert done.exit_code == 0 and "champion from 2024-03-01 on" in done.output
    run(home, select="key:champions", again=True)
    decided = warehouse.read_table("champions").to_dicts()[-1]
    assert (decided["valid_from_date"], decided["model_version"], decided["decision"]) == (
        date(2024, 3, 1),
        "xgboost 2024-01-01",
        "person",
    )
    assert decided["is_flat"] is not None
    run(home, date(2024, 2, 29), date(2024, 3, 1), select="key:scores", again=True)
    versions = dict(
        warehouse.read(
            "SELECT trade_date, any_value(model_version) FROM scores WHERE trade_date IN"
            " ('2024-02-29', '2024-03-01') GROUP BY 1"
        ).rows()
    )
    assert versions == {
        date(2024, 2, 29): before["model_version"][-1],
        date(2024, 3, 1): "xgboost 2024-01-01",
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["champion", "nothing 2024-01-01"],
            "no model 'nothing 2024-01-01' may be champion; the newest are",
        ),
        (["champion", "ridge 2024-01-01", "--from", "2023-08-01"], "cannot score 2023-08-01"),
        (["champion", "ridge 2023-07-01", "--from", "2022-08-01"], "before the first champion"),
        (
            ["champion", "ridge 2024-01-01", "--from", "2024-03-02"],
            "2024-03-02 is no trading day; the next one is 2024-03-04",
        ),
        (
            ["champion", "ridge 2024-01-01", "--from", "2024-04-02"],
            "2024-04-02 is after 2024-04-01, the next day to be scored",
        ),
    ],
)
def test_a_champion_that_cannot_be_is_one_line(full_home, monkeypatch, arguments, said):
    monkeypatch.setenv("BONDSIG_HOME", str(full_home.path))
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code != 0 and said in done.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'models = ["oracle"]', "learning.toml: unknown model 'oracle'; models are: ridge"),
        (b"models = [", "learning.toml: not readable as TOML"),
        (b'study = "\xff"', "learning.toml: not readable as UTF-8: save it as UTF-8"),
    ],
)
def test_settings_of_the_home_are_checked_in_one_line(home, monkeypatch, text, said):
    monkeypatch.setenv("BONDSIG_HOME", str(home.path))
    home.learning_file.write_bytes(text)
    done = CliRunner().invoke(cli, ["settings"])
    assert done.exit_code != 0 and said in done.output and "Traceback" not in done.output


def test_trials_are_specifications_however_often_they_are_judged(home):
    from bondsig_assets.resources.trials import read_trials

    tracking = TrackingResource(home=str(home.path))
    returns, n_trials = read_trials(tracking, "bondsig", 5)
    run(home, LAST, LAST, select="key:evaluations", again=True)
    again, n_again = read_trials(tracking, "bondsig", 5)
    assert n_trials == n_again == returns["model_name"].n_unique() and again.sort(
        "model_name", "trade_date"
    ).equals(returns.sort("model_name", "trade_date"))
    found = Warehouse(home.path).read_table("overfitting")
    assert set(found["model_name"]) == set(returns["model_name"]) and found[
        "n_trials"
    ].unique().to_list() == [n_trials]


def test_a_trial_judged_on_fewer_days_keeps_the_others(home):
    from bondsig_assets.resources.trials import log_trials, read_trials

    tracking, warehouse = TrackingResource(home=str(home.path)), Warehouse(home.path)
    before = read_trials(tracking, "bondsig", 5)[0].filter(model_name="ridge").sort("trade_date")
    last = before.tail(3).with_columns(pl.col("return_pct") + 1.0)
    log_trials(tracking, "bondsig", warehouse, last, 5)
    after = read_trials(tracking, "bondsig", 5)[0].filter(model_name="ridge").sort("trade_date")
    wanted = pl.concat([before.head(before.height - 3), last.select(before.columns)])
    assert after["trade_date"].equals(wanted["trade_date"])
    np.testing.assert_allclose(after["return_pct"], wanted["return_pct"], rtol=1e-14)


def test_models_are_judged_on_the_label_they_were_trained_on(home, monkeypatch):
    monkeypatch.setenv("BONDSIG_HOME", str(home.path))
    n_before = Warehouse(home.path).read_table("overfitting")["n_trials"][0]
    home.learning_file.write_text(
        'models = ["ridge"]\n[walk_forward]\nlabel = "beta_adjusted"\nhorizon_days = 10\n' + SIGNALS
    )
    done = CliRunner().invoke(cli, ["run"])
    assert done.exit_code == 0 and "10-day beta-adjusted return" in done.output, done.output
    warehouse = Warehouse(home.path)
    joined = """predictions p JOIN labels l USING (parent_id, trade_date)
        WHERE l.horizon_days = 10 AND isfinite(l.beta_adjusted_return_pct) AND p.model_name =
          'ridge'"""
    brier, differ = warehouse.read(
        f"""SELECT avg((p.probability_underperform - (l.beta_adjusted_return_pct < 0)::DOUBLE) ** 2)
          AS brier,
        count(*) FILTER (WHERE (l.beta_adjusted_return_pct < 0) <> (l.excess_return_pct < 0)) AS
          differ FROM {joined}"""
    ).row(0)
    assert differ > 50
    found = warehouse.read(
        "SELECT brier_score FROM probability_evaluations WHERE model_name = 'ridge'"
    ).item()
    assert found == pytest.approx(brier, rel=1e-9)
    ic = warehouse.read(
        f"""SELECT avg(ic) FROM (SELECT trade_date, corr(x, y) AS ic FROM (
        SELECT p.trade_date, rank() OVER (PARTITION BY p.trade_date ORDER BY p.prediction) AS x,
               rank() OVER (PARTITION BY p.trade_date ORDER BY l.beta_adjusted_return_pct) AS y FROM
                 {joined}) GROUP BY 1 HAVING count(*) >= 15)"""
    ).item()
    judged = warehouse.read(
        "SELECT mean_ic FROM evaluations WHERE model_name = 'ridge' AND horizon_days = 10 AND slice"
        " = 'all'"
    ).item()
    assert judged == pytest.approx(ic, abs=1e-9)
    # Trials of five days are counted; their periods are others and not compared with.
    luck = warehouse.read_table("overfitting")
    assert (
        set(luck["model_name"]) == {"ridge", "equity_only"} and luck["n_trials"][0] == n_before + 2
    )


def test_the_doctor_asks_mlflow(home, monkeypatch):
    monkeypatch.setenv("BONDSIG_HOME", str(home.path))
    monkeypatch.setattr(doctor, "_MINIMUM_FREE_GB", 0.0)
    well = CliRunner().invoke(cli, ["doctor"])
    assert well.exit_code == 0 and "mlflow.db answers" in " ".join(well.output.split()), well.output
    monkeypatch.setenv("BONDSIG_MLFLOW", "http://127.0.0.1:9")
    ill = CliRunner().invoke(cli, ["doctor"])
    said = " ".join(ill.output.split())
    assert (
        ill.exit_code != 0
        and "MLflow at http://127.0.0.1:9 does not answer" in said
        and "unset it" in said
    )
