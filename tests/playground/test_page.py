"""The page in a real browser: it trains, pauses, steps, is shared, is read, and says what fails.

Chromium is driven by playwright; Pyodide comes from the folder that FUNCNN_PYODIDE names (`get_pyodide.py` fills one).
One page serves most tests, because Python takes seconds to start.
"""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.slow
playwright: Any = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")

ROOT = Path(__file__).parents[2]
PYODIDE = os.environ.get("FUNCNN_PYODIDE", "")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]
BEGUN = "document.querySelector('#text').textContent.length > 100 && window.playground?.seen"


class Repository(http.server.SimpleHTTPRequestHandler):
    """What `python -m http.server` serves in the folder of the repository, and Pyodide beside the page."""

    def translate_path(self, path: str) -> str:
        place = urlsplit(path).path
        if place.startswith(beside := "/examples/playground/pyodide/"):
            return str(Path(PYODIDE) / place.removeprefix(beside))
        return super().translate_path(path)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the page, served from the repository."""
    if not (PYODIDE and (Path(PYODIDE) / "pyodide.mjs").exists()):
        pytest.skip("needs Pyodide: python tests/playground/get_pyodide.py FOLDER, then FUNCNN_PYODIDE=FOLDER")
    handler = functools.partial(Repository, directory=str(ROOT))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/examples/playground/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def open_page(site: str, browser: Any) -> Iterator[Any]:
    """The page, with what it complains of in `complaints`."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(site)
    page.wait_for_function(BEGUN)
    yield page
    context.close()


@pytest.fixture
def page(open_page: Any, site: str) -> Any:
    """The same page with the settings of the beginning, before the first step."""
    return at(open_page, f"{site}#seed=0")


def at(page: Any, address: str) -> Any:
    """The page after its settings have come from another address, paused and before the first step."""
    if page.get_attribute("#run", "aria-label") == "Pause":
        page.click("#run")
    page.evaluate("window.playground.forget()")
    page.evaluate("hash => { location.hash = hash + '&'.repeat(1 + (window.turn = (window.turn ?? 0) + 1) % 9) }",
                  urlsplit(address).fragment)
    page.wait_for_function(BEGUN)
    return page


def count(page: Any) -> int:
    return int(page.inner_text("#count").replace(",", ""))


def trained(page: Any, steps: int) -> Any:
    """The page, paused after so many steps or a few more."""
    page.click("#run")
    page.wait_for_function(f"window.playground.seen?.step >= {steps}")
    page.click("#run")
    page.wait_for_timeout(150)
    return page


def colors(page: Any, selector: str) -> int:
    """How many colours are on a canvas."""
    return int(page.eval_on_selector(selector, """canvas => new Set(new Uint32Array(
        canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""))


# ---------------------------------------------------------------------------------------------------- it learns


def test_it_trains_pauses_and_steps(page: Any) -> None:
    assert count(page) == 0 and colors(page, "#plane") > 100
    trained(page, 1500)
    after = count(page)
    page.wait_for_timeout(300)
    assert count(page) == after >= 1500
    assert float(page.inner_text("#train-score").removesuffix("%")) > 60
    page.click("#step")
    page.wait_for_function(f"window.playground.seen.step === {after + 1}")
    page.click("#reset")
    page.wait_for_function("window.playground.seen?.step === 0")


def test_each_step_has_its_loss(page: Any) -> None:
    trained(page, 20)
    assert page.evaluate("window.playground.losses.length") == count(page)


def test_the_copied_program_computes_the_same_elsewhere(page: Any, tmp_path: Path) -> None:
    trained(page, 5)
    page.click("#copy")
    file = tmp_path / "copied.py"
    file.write_text(page.evaluate("navigator.clipboard.readText()").replace("epochs=100)", "epochs=1)"))
    said = subprocess.run([sys.executable, "-W", "error", str(file)], capture_output=True, text=True, check=True,
                          env=os.environ | {"PYTHONPATH": str(ROOT)}).stdout
    elsewhere = [float(number) for number in re.findall(r"loss before (\d+\.\d+)", said)]
    assert page.evaluate("window.playground.losses.slice(0, 5)") == pytest.approx(elsewhere[:5], rel=1e-5, abs=1e-6)


def test_a_change_begins_anew_and_stays_in_training(page: Any) -> None:
    page.click("#run")
    page.wait_for_function("window.playground.seen?.step > 50")
    page.evaluate("window.playground.forget()")
    page.select_option("#activation", "relu")
    page.wait_for_function("window.playground.seen?.step > 10")
    assert page.get_attribute("#run", "aria-label") == "Pause"
    assert "activation=relu" in page.url and "relu" in page.inner_text("#text")


def test_a_rate_without_bounds_is_named(page: Any, site: str) -> None:
    at(page, f"{site}#optimizer=sgd&rate=100&layers=8,8&activation=none")
    page.click("#run")
    page.wait_for_selector("#notes:not([hidden])")
    assert "learning rate is too large" in page.inner_text("#notes")
    assert page.get_attribute("#run", "aria-label") == "Run"


# ------------------------------------------------------------------------------------------------- it is shared


SHARED = "data=moons&noise=0.05&features=x1,x2,x1x2&layers=6,3&activation=relu&optimizer=sgd&rate=0.1&batch=10&seed=7"


def test_a_shared_address_is_the_same_page(page: Any, site: str) -> None:
    trained(at(page, f"{site}#{SHARED}"), 3)
    first = page.evaluate("window.playground.losses.slice(0, 3)")
    page.click("#share")
    address = page.evaluate("navigator.clipboard.readText()")
    assert all(part in address for part in SHARED.split("&"))
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_function(BEGUN)
    assert page.input_value("#activation") == "relu" and page.input_value("#seed") == "7"
    assert page.is_checked("input[value=moons]") and page.is_checked("input[value=x1x2]")
    assert page.locator(".unit[data-layer='1']").count() == 6
    assert page.evaluate("window.playground.losses.slice(0, 3)") == []
    assert trained(page, 3).evaluate("window.playground.losses.slice(0, 3)") == first


def test_an_address_with_nonsense_is_named_and_the_rest_is_kept(page: Any, site: str) -> None:
    for nonsense, said in {
        "layers=9999": "at most 6 widths from 1 to 64", "layers=8,8,8,8,8,8,8": "at most 6 widths", "layers=x": "8,8",
        "arms=2.5": "a whole number from 2 to 5", "rate=fast": "a number from 0 to 100", "data=%F0%9F": "one of spiral",
        "features=": "one or more of x1", "points=1,2,9": "a class from 0 to 4", "colour=red": "is no setting",
        "constructor=1": "is no setting", "seed=-1": "a whole number from 0", "noise=": "a number from 0 to 0.5",
    }.items():
        at(page, f"{site}#activation=relu&{nonsense}")
        assert said in page.inner_text("#notes") and nonsense.split("=")[0] in page.inner_text("#notes"), nonsense
        assert page.input_value("#activation") == "relu"


def test_points_are_put_by_hand_and_stay_in_the_address(page: Any) -> None:
    page.click("label:has-text('Your own')")
    page.wait_for_selector("#hint:not([hidden])")
    assert page.is_disabled("#run")
    places = [(50, 60), (200, 60), (60, 200)]
    for label, (x, y) in enumerate(places):
        page.click(f"#legend button >> nth={label}")
        page.click("#plane", position={"x": x, "y": y})
    page.wait_for_function("window.playground.settings.points.length === 3 && window.playground.seen")
    assert re.search(r"points=-[\d.]+,[\d.]+,0;[\d.]+,[\d.]+,1;-[\d.]+,-[\d.]+,2", page.url)
    trained(page, 100)
    assert page.inner_text("#train-score") == "100.0 %" and page.inner_text("#fresh-score") == "–"
    page.click("#plane", position={"x": 50, "y": 60})
    page.wait_for_function("window.playground.settings.points.length === 2")
    page.focus("#plane")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert page.evaluate("window.playground.settings.points.at(-1)") == [0, 0.05, 2]


# --------------------------------------------------------------------------------------------------- it is read


def test_units_and_weights_say_their_formula(page: Any) -> None:
    trained(page, 5)
    page.hover(".unit[data-layer='1'][data-unit='2']")
    assert re.fullmatch(r"h1\[2\] = gelu\(−?[\d.e−]+ x₁ [+−] [\d.e−]+ x₂ [+−] [\d.e−]+\)", page.inner_text("#told"))
    assert page.inner_text("#out-title") == "What h1[2] gives"
    page.focus(".unit[data-layer='3'][data-unit='0']")
    assert page.inner_text("#told").startswith("logit of class 0 = ")
    first, second = (page.locator(f".unit[data-layer='{layer}'][data-unit='0']").bounding_box() for layer in (1, 2))
    y = first["y"] + first["height"] / 2  # the line between the first units of two layers is straight
    page.mouse.move((first["x"] + first["width"] + second["x"]) / 2, y)
    weight = page.evaluate("window.playground.seen.weights[1].w[0]")
    said = re.fullmatch(r'params\["dense_1"\]\["w"\]\[0, 0\] = (\S+): .+', page.inner_text("#told"))
    assert said and float(said[1].replace("−", "-")) == pytest.approx(weight, rel=1e-3)


def test_the_next_step_is_read_with_its_numbers(page: Any) -> None:
    page.click("#tab-trace")
    page.wait_for_function("document.querySelector('#text').textContent.includes('FORWARD')")
    table = page.inner_text("#text")
    assert all(part in table for part in ("BACKWARD", "PARAMETERS", "dense_2/w", "softmax_cross_entropy"))
    page.check("#in-full")
    page.wait_for_function("document.querySelector('#text').textContent.includes('PARAMETER dense_2/w')")
    page.uncheck("#in-full")
    page.click("#tab-jit")
    page.wait_for_function("document.querySelector('#text').textContent.includes('def step(')")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('#text').textContent.includes('if __name__')")


def test_dead_units_are_marked(page: Any, site: str) -> None:
    at(page, f"{site}#activation=relu&optimizer=sgd&rate=3&layers=16&batch=1000")
    trained(page, 30)
    still = page.evaluate("Array.from(window.playground.seen.still[0])")
    marked = page.eval_on_selector_all(".unit.dead", "units => units.map(unit => Number(unit.dataset.unit))")
    assert marked == still != []
    assert "dead" in page.get_attribute(f".unit[data-layer='1'][data-unit='{still[0]}']", "aria-label")


# ------------------------------------------------------------------------------------------------ for everybody


def test_a_phone_shows_all_of_it_in_one_column(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")
    lefts = page.eval_on_selector_all("main > section, #choices", "all => all.map(x => x.getBoundingClientRect().left)")
    assert len(set(lefts)) == 1
    assert page.is_visible("#rate") and page.is_visible("#run")
    page.set_viewport_size({"width": 1400, "height": 900})


def test_a_page_of_another_size_has_nothing_to_complain_of(page: Any, tmp_path: Path) -> None:
    """Browsers make an error of it when a page changes sizes while they tell of sizes."""
    for size in ((390, 844), (700, 500), (1400, 900)):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.screenshot(path=tmp_path / "page.png", full_page=True)  # which sizes the window to the page
        page.wait_for_timeout(100)
        assert page.locator("#notes").is_hidden(), page.inner_text("#notes")


def test_dark_is_dark_and_the_page_has_a_button_for_it(page: Any) -> None:
    def brightness() -> int:
        return sum(map(int, re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))[:3]))

    assert brightness() > 600
    page.click("#theme")
    assert brightness() < 120
    page.click("#theme")
    assert brightness() > 600


def test_everything_that_can_be_touched_has_a_name_and_can_be_reached_by_keys(page: Any) -> None:
    nameless = page.eval_on_selector_all("button, select, input", """all => all.filter(each =>
        !each.ariaLabel && !each.labels?.length && !each.textContent.trim()).map(each => each.outerHTML)""")
    assert nameless == []
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("s")
    page.wait_for_function("window.playground.seen.step === 1")
    page.keyboard.press(" ")
    page.wait_for_function("window.playground.seen.step > 20")
    page.keyboard.press(" ")
    page.wait_for_function("document.querySelector('#heard').textContent.startsWith('Paused after')")


def test_the_page_has_complained_of_nothing(open_page: Any) -> None:
    assert open_page.complaints == []


# ---------------------------------------------------------------------------------------------- what fails says so


def said_by(browser: Any, address: str, prepare: Any) -> str:
    """What a page says that cannot work."""
    context = browser.new_context()
    page = context.new_page()
    prepare(page)
    page.goto(address)
    page.wait_for_selector("body[data-failed]")
    text = str(page.inner_text("#notes"))
    context.close()
    return text


def test_without_webassembly_or_network_a_sentence_comes(browser: Any, site: str) -> None:
    assert "no WebAssembly" in said_by(browser, site, lambda page: page.add_init_script("delete window.WebAssembly"))
    nowhere = said_by(browser, f"{site}?pyodide=./nowhere/", lambda page: None)
    assert "could not be loaded from" in nowhere and "Is there a network?" in nowhere
    gone = said_by(browser, site, lambda page: page.route("**/funcnn/", lambda route: route.fulfill(status=404)))
    assert "funcnn was not found" in gone and "pip wheel" in gone


def test_the_wheel_beside_the_page_serves_where_the_sources_are_not(browser: Any, site: str) -> None:
    """As on a server that lists no folders; the wheel is made by hand, of what it must hold."""
    import io
    import zipfile

    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as wheel:
        for path in sorted((ROOT / "funcnn").rglob("*.py")):
            wheel.write(path, path.relative_to(ROOT))
    context = browser.new_context()
    context.route("**/funcnn/", lambda route: route.fulfill(status=404))
    context.route("**/*.whl", lambda route: route.fulfill(body=written.getvalue()) if "funcnn-" in route.request.url
                  else route.continue_())
    page = context.new_page()
    page.goto(site)
    page.wait_for_function(BEGUN)
    context.close()


def test_opened_as_a_file_it_says_how_to_serve_it(browser: Any) -> None:
    said = said_by(browser, (ROOT / "examples" / "playground" / "index.html").as_uri(), lambda page: None)
    assert "python -m http.server" in said
