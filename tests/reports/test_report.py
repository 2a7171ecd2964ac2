import keras
import pytest

import keras_slr

pytestmark = pytest.mark.once("looks at names and shapes")


def test_sparsity_counts_zeros(make_model):
    model = make_model()
    assert set(keras_slr.sparsity(model).values()) == {0.0}
    keras_slr.hard_prune(model, 0.25, allocation="uniform")
    shares = keras_slr.sparsity(model)
    assert [shares[layer.kernel.path] for layer in model.layers] == [
        160 / 640,
        128 / 512,
        0.0,
    ]


def test_report_tells_the_reason_of_every_weight_left_alone(make_model):
    model = make_model()
    keras_slr.hard_prune(model, 0.9, allocation="uniform")
    report = keras_slr.report(model, rate=0.9, exclude="middle")
    rows = {row.path: row for row in report.rows}
    assert len(rows) == 6
    hidden = rows[model.layers[0].kernel.path]
    assert (hidden.rate, hidden.zeros, hidden.reason) == (0.9, 576, None)
    text = report.render()
    for words in ("20x32", "90.00%", "excluded", "fewer than 256", "bias"):
        assert words in text
    plain = report.to_dicts()
    assert plain[0]["shape"] == [20, 32] and plain[0]["reason"] is None
    # 576 of the 640 entries of the one weight that counts as pruned; 1037
    # of all weights and the zero biases of a new model: 640 + 32 + 512 + 16
    # + 64 + 4.
    assert report.sparsity == 0.9
    assert report.total_sparsity == (576 + 461 + 52) / 1268


def test_report_of_a_model_with_nothing_to_prune():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    report = keras_slr.report(model)
    assert not report.pruned
    assert "fewer than 256" in str(report)


def test_unbuilt_model_is_an_error():
    with pytest.raises(ValueError, match="built model"):
        keras_slr.report(keras.Sequential([keras.layers.Dense(3)]))


def test_report_is_plain_text_in_jupyter(make_model, monkeypatch):
    model = make_model()
    text = str(keras_slr.report(model))
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert str(keras_slr.report(model)) == text != ""
