// Tests the page of inspect --html in a real browser.
#include <filesystem>
#include <regex>
#include "cli/report/again.hpp"
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"
#include "tests/cli/report/browser.hpp"
#include "tests/skip.hpp"
#include "traces/format/jsonl.hpp"

using namespace shutdown_repro::cli_tests;
using shutdown_repro::cli::again_line;

namespace {

std::string const golden = TEST_DATA "/scope-disposal.jsonl";

bool there_is_no_browser() {
    if (!browser::path().empty()) return false;
    shutdown_repro::tests::skip(
        "there is no Chromium on this machine, so nobody has looked at the page (apt install chromium)");
    return true;
}

// Writes the page of a trace into a folder.
std::string page_of(folder const& here, std::vector<std::string> const& traces, std::string const& name = "page.html") {
    std::vector<std::string> typed{"inspect", traces[0], "--html", here.file(name)};
    if (traces.size() > 1) typed.insert(typed.end(), {"--twin", traces[1]});
    result const r = run(typed);
    INFO(r.err);
    REQUIRE(r.status == 0);
    return here.file(name);
}

std::string simulated(folder const& here, std::string const& name, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"run", "scope-disposal", "--world", "sim", "--trace", here.file(name)});
    REQUIRE(run(more).status <= 1);
    return here.file(name);
}

std::string hostile(folder const& here) {
    std::string const attack =
        R"(\"'><img src=x onerror=alert(1)></title></script></style></svg><script>alert(2)</script>\u2028\u001b[31m<!--)";
    std::string text =
        R"({"format":"shutdown-repro/trace","version":"1.0","scenario":{"scenario":"@"},"world":"@","tool":"@"})"
        "\n"
        R"({"seq":0,"t":0,"kind":"server.open","id":"server:1","detail":{"name":"@","policy":"@"}})"
        "\n"
        R"({"seq":1,"t":1,"kind":"scope.open","id":"scope:1","detail":{"name":"@"}})"
        "\n"
        R"({"seq":2,"t":2,"kind":"coroutine.spawn","id":"coroutine:1","parent":"scope:1","by":"odd:1","detail":{"name":"@"}})"
        "\n"
        R"({"seq":3,"t":3,"kind":"act.stop","id":"server:1"})"
        "\n"
        R"({"seq":4,"t":4,"kind":"scope.dispose","id":"scope:1","detail":{"@":"@"}})"
        "\n"
        R"({"seq":5,"t":5,"kind":"assert","id":"scope:1","because":[4],"detail":{"message":"@","file":"@"}})"
        "\n"
        R"({"seq":6,"t":6,"kind":"@","id":"scope:1","detail":{"@":"@"}})"
        "\n";
    return here.write("hostile.jsonl", std::regex_replace(text, std::regex("@"), attack));
}

bool shown(browser& b, std::string const& selector) {
    return b.ask("(() => { const e = document.querySelector(" + nlohmann::json(selector).dump() +
        "); return !!e && e.getClientRects().length > 0; })()");
}

int visible_rows(browser& b) {
    return b.ask("[...document.querySelectorAll('.list tbody tr')].filter(r => !r.hidden).length");
}

} // namespace

TEST_CASE("inspect --html writes a page and reports it on one line") {
    folder const here;
    result const r = run({"inspect", golden, "--html", "p.html"}, {.in = here.path()});
    CHECK(r.status == 0);
    CHECK(r.out == "scope-disposal · violated · page p.html\n");
    CHECK_THAT(here.read("p.html"), ContainsSubstring("<h1>scope-disposal</h1>"));
    result const piped = run({"inspect", "-", "--html", "q.html"}, {.in = here.path(), .input = slurp(golden)});
    CHECK(piped.status == 0);
    CHECK(here.read("p.html") == here.read("q.html"));
}

TEST_CASE("a page that can't be written, or would replace its trace, is refused") {
    folder const here;
    std::string const trace = here.write("t.jsonl", slurp(golden));
    result const missing = run({"inspect", trace, "--html", here.file("no/p.html")});
    CHECK(missing.status == 2);
    CHECK_THAT(missing.err, ContainsSubstring("--html: cannot write") && ContainsSubstring("No such file"));
    CHECK_THAT(run({"inspect", trace, "--html", "/dev/full"}).err, ContainsSubstring("No space left"));
    result const itself = run({"inspect", trace, "--html", trace});
    CHECK(itself.status == 2);
    CHECK_THAT(itself.err, ContainsSubstring("which is an input"));
    CHECK(slurp(trace) == slurp(golden));
    CHECK_THAT(run({"inspect", trace, "--twin", golden}).err, ContainsSubstring("--html"));
    CHECK_THAT(run({"inspect", trace, "--html", here.file("p.html"), "--tree"}).err,
        ContainsSubstring("can't be combined with other views"));
    CHECK_FALSE(here.has("p.html"));
}

TEST_CASE("the error for a trace that is too long for a browser says what to do instead") {
    folder const here;
    std::string text = lines(slurp(golden))[0] + "\n";
    for (int i = 0; i <= 100'000; ++i)
        text += R"({"seq":)" + std::to_string(i) + R"(,"t":0,"kind":"loop.tick","id":"loop:1"})" + "\n";
    result const r = run({"inspect", here.write("long.jsonl", text), "--html", here.file("p.html")});
    CHECK(r.status == 2);
    CHECK_THAT(r.err, ContainsSubstring("100001 events") && ContainsSubstring("--timeline"));
}

TEST_CASE("the page of a finding has its passing twin if that file is in the same folder") {
    folder const here;
    std::string const text = slurp(golden);
    auto const finding = [&](std::string const& twin) {
        std::string named = text;
        named.insert(named.find(R"("world")"),
            R"("twin":{"trace":")" + twin + R"(","decision":17,"taken":"the server accepts","instead":"<b>"},)");
        here.write("finding.jsonl", named);
        REQUIRE(run({"inspect", "finding.jsonl", "--html", "p.html"}, {.in = here.path()}).status == 0);
        return here.read("p.html");
    };
    here.write("passes.jsonl", text);
    std::string const page = finding("passes.jsonl");
    CHECK_THAT(
        page, ContainsSubstring("when decision 17 is not &quot;the server accepts&quot; but &quot;&lt;b&gt;&quot;"));
    CHECK_THAT(page, ContainsSubstring("</span> passes.jsonl <small>"));
    for (std::string const& elsewhere :
        {std::string("gone.jsonl"), here.file("passes.jsonl"), std::string("../passes.jsonl"), std::string("..")})
        CHECK(finding(elsewhere).find("class=\"sides\"") == std::string::npos);
}

TEST_CASE("the command on the page runs the same execution again") {
    folder const here;
    here.write("r.json", R"({"scenario":"r","server":"reactor","order":"client-first"})");
    here.write(
        "h.json", R"({"scenario":"h","handlers":[{"act":"park","calls":["stop"]},{"act":"cleanup"}],"owner":"extra"})");
    for (std::string const typed :
        {"scope-disposal", "scope-disposal --policy drained --requests 3", "./r.json", "./h.json"}) {
        REQUIRE(run_line("shutdown-repro run " + typed + " --world sim --trace first.jsonl", here.path()).status <= 1);
        std::string const again = again_line(shutdown_repro::traces::read_file(here.file("first.jsonl")).head);
        INFO(again);
        CHECK(run_line(again + " --trace second.jsonl", here.path()).status <= 1);
        CHECK(here.read("first.jsonl") == here.read("second.jsonl"));
        std::filesystem::remove(here.file("second.jsonl"));
    }
    CHECK(again_line({}).empty());
}

TEST_CASE("the page of the report opens without errors and without loading other files") {
    if (there_is_no_browser()) return;
    folder const here;
    browser b;
    for (bool const dark : {false, true})
        for (int const width : {1280, 800}) {
            b.open(page_of(here, {golden}), {.dark = dark, .width = width});
            CHECK(b.complaints() == std::vector<std::string>());
            CHECK(b.requests().size() == 1); // the page itself
            CHECK(shown(b, "#tools"));
            CHECK(shown(b, ".chart .cross"));
            CHECK(b.ask("document.documentElement.scrollWidth <= innerWidth") == true);
        }
}

TEST_CASE("verdict, command and facts are on the first screen, and the rules that do not apply unfold") {
    if (there_is_no_browser()) return;
    folder const here;
    browser b;
    for (int const width : {1280, 400}) {
        b.open(page_of(here, {golden}), {.width = width});
        CHECK(b.ask("(() => { const [verdict, again, facts, card] = ['.verdict', '#again', '.facts', '.card'].map(s => "
                    "document.querySelector(s).getBoundingClientRect());"
                    "return verdict.bottom < again.top && again.bottom < facts.top && facts.bottom < card.top && "
                    "card.top < 500; })()") == true);
        CHECK(b.ask("document.querySelector('.facts summary').textContent") == "23 rules judged, 41 not applicable");
        CHECK(b.ask("document.querySelector('.facts details').open") == false);
        b.click(".facts summary");
        CHECK(b.ask("document.querySelector('.facts details').open") == true);
        CHECK(b.ask("document.querySelectorAll('.facts details dt').length") == 41);
        CHECK(b.ask("document.querySelector('.facts details dt').textContent") == "timer-lost");
        CHECK(b.ask("document.querySelector('.facts details dd').textContent") == "timers facts");
    }
}

TEST_CASE("in a narrow window, and beside a twin, text is readable and nothing is cut off") {
    if (there_is_no_browser()) return;
    folder const here;
    browser b;
    // Returns the smallest width of the column of events, and whether every kind fits on one line.
    std::string const words = "Math.min(...[...document.querySelectorAll('.list tbody td:nth-child(4), .card.first "
                              ".said')].map(e => e.getBoundingClientRect().width))";
    std::string const whole =
        "[...document.querySelectorAll('.list tbody td:nth-child(3)')].every(e => { const r = document.createRange(); "
        "r.selectNodeContents(e); return new Set([...r.getClientRects()].map(c => c.top)).size === 1; })";
    std::string const a = simulated(here, "a.jsonl"), other = simulated(here, "b.jsonl", {"--policy", "drained"});
    for (auto const& [width, traces] : {std::pair{400, std::vector{golden}}, {1280, std::vector{a, other}},
             {1000, std::vector{a, other}}, {360, std::vector{a, other}}}) {
        INFO(width);
        b.open(page_of(here, traces), {.width = width});
        CHECK(b.ask(words).get<double>() > 190);
        CHECK(b.ask(whole) == true);
        b.click("#m34"); // the pill beside the filter is there, too
        CHECK(b.ask("document.documentElement.scrollWidth <= innerWidth") == true);
        CHECK(b.ask("document.getElementById('followed').getBoundingClientRect().width > 100") == true);
        CHECK(b.ask("['in', 'panel'].every(id => { const r = document.getElementById(id).getBoundingClientRect(); "
                    "return r.left >= 0 && r.right <= innerWidth; })") == true);
    }
}

TEST_CASE("following an actor with a shared lane shows its name there and scrolls to its events") {
    if (there_is_no_browser()) return;
    folder const here;
    browser b;
    b.open(page_of(here, {simulated(here, "crowd.jsonl", {"--requests", "200"})}));
    std::string const lit = "[...document.querySelectorAll('.name.lit')]";
    std::string const in_view = "(() => { const box = document.querySelector('.scroll').getBoundingClientRect(), r = "
                                "document.querySelector('.name.lit').getBoundingClientRect(), c = "
                                "document.querySelector('.chosen').getBoundingClientRect(),"
                                " names = document.querySelector('.names').getBoundingClientRect(); return r.top > "
                                "box.top && r.bottom < box.bottom && c.left > names.right && c.right < box.right; })()";
    for (std::string const id : {"client:9", "coroutine:90"}) {
        b.ask("(() => { for (const r of document.querySelectorAll('[data-wanted]')) r.removeAttribute('data-wanted'); "
              "[...document.querySelectorAll('.list tbody tr')].find(r => r.cells[3].textContent.startsWith('" +
            id + " ')).setAttribute('data-wanted', ''); })()");
        b.click("[data-wanted] td:nth-child(4)");
        CHECK(b.ask(lit + ".length") == 1);
        CHECK(std::string(b.ask(lit + "[0].querySelector('text').textContent")).starts_with(id + ", "));
        CHECK(b.ask(in_view) == true);
        // The clicked row is visible among few others: hidden rows take no space.
        CHECK(b.ask("(() => { const r = document.querySelector('.picked').getBoundingClientRect(); return r.top >= 0 "
                    "&& r.bottom <= innerHeight; })()") == true);
        CHECK(b.ask("document.querySelector('.list').getBoundingClientRect().height < 1500") == true);
        b.press("Escape");
        CHECK_THAT(
            std::string(b.ask("[...document.querySelectorAll('.name.shared .id')].map(e => e.textContent).join()")),
            !ContainsSubstring(id));
    }
    b.ask("document.querySelector('.scroll').scrollTo(0, 0)");
    b.click(".name:nth-last-child(2) text"); // a name far below, of events far to the right
    CHECK(b.ask("(() => { const s = document.querySelector('.scroll'); return s.scrollLeft > 0; })()") == true);
    CHECK(b.complaints().empty());
}

TEST_CASE("the violation is found by its text") {
    if (there_is_no_browser()) return;
    folder const here;
    browser b;
    b.open(page_of(here, {golden}));
    int const all = visible_rows(b);
    b.click("#filter");
    b.type("disposed WITH");
    CHECK(visible_rows(b) == 1);
    CHECK(std::string(b.ask("document.querySelector('.list tbody tr:not([hidden])').textContent"))
              .find("scope-disposed-nonempty") != std::string::npos);
    CHECK(b.ask("document.getElementById('count').textContent") == "1 of " + std::to_string(all));
    CHECK(b.ask("document.querySelector('.side').classList.contains('dimmed')") == true);
    b.press("Escape");
    CHECK(visible_rows(b) == all);
    CHECK(b.complaints().empty());
}

TEST_CASE("a click follows an id and dims the rest, in the picture and in the list") {
    if (there_is_no_browser()) return;
    folder const here;
    browser b;
    b.open(page_of(here, {golden}));
    int const all = visible_rows(b);
    b.click("#m34"); // the mark of coroutine:4's spawn
    CHECK(b.ask("document.getElementById('followed').textContent") == "following coroutine:4");
    int const some = visible_rows(b);
    CHECK(some > 5);
    CHECK(some < all / 2);
    CHECK(b.ask("[...document.querySelectorAll('.list tbody tr')].every(r => r.hidden || "
                "/coroutine:4/.test(r.textContent) || /request:2|scope:|connection:2|listener/.test(r.textContent))") ==
        true);
    CHECK(b.ask("document.querySelector('.hot').getAttribute('d').match(/M/g).length") == some);
    CHECK(shown(b, "#panel"));
    CHECK(std::string(b.ask("document.getElementById('panel').textContent")).find("coroutine.spawn") !=
        std::string::npos);
    b.click("#unfollow");
    CHECK(visible_rows(b) == all);
    b.click(".name[data-lane='0'] text"); // a name does the same
    CHECK(b.ask("document.getElementById('followed').textContent") == "following server:1");
    CHECK(b.complaints().empty());
}

TEST_CASE("the picture is stretched by its buttons, and walked through by the keys") {
    if (there_is_no_browser()) return;
    folder const here;
    browser b;
    b.open(page_of(here, {golden}));
    double const before = b.ask("document.querySelector('.chart').getBoundingClientRect().width");
    b.click("#in");
    double const after = b.ask("document.querySelector('.chart').getBoundingClientRect().width");
    CHECK(after > 1.4 * before);
    b.click("#fit");
    CHECK(b.ask("document.querySelector('.chart').getBoundingClientRect().width <= "
                "document.querySelector('.scroll').clientWidth + 1") == true);
    b.ask("document.querySelector('.scroll').focus()");
    for (int i = 0; i < 3; ++i) b.press("ArrowRight");
    CHECK(std::string(b.ask("document.querySelector('.picked').id")) == "e2");
    CHECK(b.complaints().empty());
}

TEST_CASE("an address with the number of an event opens that event") {
    if (there_is_no_browser()) return;
    folder const here;
    browser b;
    b.open(page_of(here, {golden}) + "#e42");
    CHECK(std::string(b.ask("document.getElementById('panel').textContent")).find("act.stop") != std::string::npos);
}

TEST_CASE("with scripts off the page still shows verdict, violations, lanes and every event") {
    if (there_is_no_browser()) return;
    folder const here;
    browser b;
    b.open(page_of(here, {golden}), {.scripts = false});
    CHECK_FALSE(shown(b, "#tools")); // controls that need scripts are hidden
    for (auto const* part : {".verdict", "#again", ".card .message", ".card .inside", ".names text", ".chart .life",
             ".chart .arrows", "#e61"}) {
        INFO(part);
        CHECK(shown(b, part));
    }
    CHECK(visible_rows(b) > 70);
    CHECK(b.complaints().empty());
}

TEST_CASE("where styles and scripts are blocked, the picture keeps its colors and its names") {
    if (there_is_no_browser()) return;
    folder const here;
    std::string const page = slurp(page_of(here, {golden}));
    // The header that Jenkins sends for files of a build.
    std::string const refused = std::regex_replace(page, std::regex("content=\"default-src[^\"]*\""),
        "content=\"default-src 'none'; img-src 'self'; style-src 'self'\"");
    browser b;
    b.open(here.write("refused.html", refused), {.dark = true});
    CHECK(b.complaints().size() >= 2); // the browser refused something
    CHECK(b.ask("getComputedStyle(document.querySelector('.arrows')).stroke") == "rgb(197, 40, 28)");
    CHECK(b.ask("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)");
    CHECK(b.ask("document.querySelector('.names').getBoundingClientRect().right <= "
                "document.querySelector('.chart').getBoundingClientRect().left + 1") == true);
    CHECK(shown(b, "#e61"));
}

TEST_CASE("text has enough contrast in each theme") {
    if (there_is_no_browser()) return;
    folder const here;
    browser b;
    // Returns the contrast of an element's color and its background, as defined by WCAG.
    std::string const contrast = R"(((selectors) => {
        const luminance = c => { const [r, g, b] = c.match(/[\d.]+/g).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
        const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (c !== 'rgba(0, 0, 0, 0)') return c; } return 'rgb(255, 255, 255)'; };
        return Math.min(...selectors.map(s => { const e = document.querySelector(s), style = getComputedStyle(e);
            const [x, y] = [luminance(e instanceof SVGElement ? style.fill : style.color), luminance(ground(e))].sort((a, b) => b - a); return (x + .05) / (y + .05); }));
    })(['h1', '.verdict', 'dt', '#again', '.card h2', '.level', '.card .message', '.where a', '.steps .kind', '.inside', '.legend', '.names .id', '.names .of', '.time text', '.flag text',
        '.list th', '.list .act td:nth-child(3)', '.list .choice td:nth-child(3)', '.list .broken p', '#filter']))";
    std::string grounds[2];
    for (bool const dark : {false, true}) {
        b.open(page_of(here, {golden}), {.dark = dark});
        CHECK(b.ask(contrast).get<double>() >= 4.5);
        grounds[dark] = b.ask("getComputedStyle(document.body).backgroundColor");
    }
    CHECK(grounds[0] == "rgb(247, 248, 249)");
    CHECK(grounds[1] == "rgb(18, 21, 24)");
}

TEST_CASE("a passing twin stands beside the failing trace, and both move together") {
    if (there_is_no_browser()) return;
    folder const here;
    browser b;
    b.open(page_of(here, {simulated(here, "a.jsonl"), simulated(here, "b.jsonl", {"--policy", "drained"})}));
    CHECK(b.ask("(() => { const [a, b] = [...document.querySelectorAll('.side')].map(s => s.getBoundingClientRect()); "
                "return a.right <= b.left && a.top === b.top; })()") == true);
    CHECK(b.ask("[...document.querySelectorAll('.side h2 > span')].map(s => s.textContent).join()") ==
        "✗ violated,✓ clean");
    CHECK(
        std::string(b.ask("document.querySelector('.parting').textContent")).find("up to the first difference, at #") !=
        std::string::npos);
    CHECK(b.ask("document.querySelectorAll('.chart .parts').length") == 2);
    CHECK(b.ask("(async () => { const [a, b] = document.querySelectorAll('.scroll'); a.scrollLeft = 40; await new "
                "Promise(r => setTimeout(r, 200)); return b.scrollLeft; })()") == 40);
    CHECK(b.complaints().empty());
}

TEST_CASE("a hostile trace injects nothing into the page, nor into what the script shows of it") {
    if (there_is_no_browser()) return;
    folder const here;
    browser b;
    std::string const trace = hostile(here);
    std::string const page = slurp(page_of(here, {trace, trace}));
    // Once as written, and once without the content security policy that would block an injected script.
    for (std::string const& text : {page, std::regex_replace(page, std::regex("<meta http-equiv[^>]*>"), "")}) {
        b.open(here.write("p.html", text));
        b.ask("document.querySelectorAll('.list tbody tr').forEach(row => row.cells[3].click())");
        b.ask("document.querySelectorAll('.name').forEach(name => name.dispatchEvent(new MouseEvent('click', {bubbles: "
              "true})))");
        b.click("#e6 td:nth-child(4)");
        CHECK(std::string(b.ask("document.getElementById('panel').textContent")).find("<img src=x onerror=alert(1)>") !=
            std::string::npos);
        CHECK(
            b.ask("document.querySelectorAll('img, iframe, object, embed, link, base, form, [onerror]').length") == 0);
        CHECK(b.ask("document.scripts.length") == 3);
        CHECK(b.ask("document.querySelectorAll('.list tbody tr').length") == 14);
        CHECK(b.complaints() == std::vector<std::string>()); // no dialog either
        CHECK(b.requests().size() == 1);
    }
}

TEST_CASE("ten thousand events can be opened, followed and filtered") {
    if (there_is_no_browser()) return;
    folder const here;
    browser b;
    b.open(page_of(here, {simulated(here, "big.jsonl", {"--requests", "440"})}));
    CHECK(visible_rows(b) > 10'000);
    CHECK(b.ask("document.querySelectorAll('.chart *').length < 1500") == true);
    b.click(".broken td:nth-child(4)");
    CHECK(shown(b, "#panel"));
    CHECK(visible_rows(b) < 10'000);
    CHECK(b.complaints().empty());
}
