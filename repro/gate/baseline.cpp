#include "repro/gate/baseline.hpp"
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <tuple>
#include <unistd.h>
#include "repro/input/committed_json.hpp"
#include "repro/input/errors.hpp"
#include "traces/format/replace_file.hpp"

namespace shutdown_repro::repro {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t most_entries = 10'000;

located_value field(located_value const& object, std::string_view name, std::string_view what) {
    auto const v = object.find(name);
    if (!v) object.fail("has no \"" + std::string(name) + "\": " + std::string(what));
    return *v;
}

std::string text(located_value const& object, std::string_view name, std::string_view what) {
    located_value const v = field(object, name, what);
    if (v.text(what).empty()) v.must_be(std::string(what));
    return v.text(what);
}

std::string rule(located_value const& object) { return rule_named(field(object, "rule", "the name of a rule")); }

std::string day(located_value const& object) {
    std::string const written = text(object, "expires", "a day, such as \"2030-12-31\"");
    int y = 0;
    unsigned m = 0, d = 0;
    char rest = 0;
    bool const shaped = written.size() == 10 && std::sscanf(written.c_str(), "%4d-%2u-%2u%c", &y, &m, &d, &rest) == 3 &&
        written.find_first_not_of("0123456789-") == written.npos;
    if (!shaped || !std::chrono::year_month_day(std::chrono::year(y), std::chrono::month(m), std::chrono::day(d)).ok())
        object.find("expires")->must_be("a day, such as \"2030-12-31\"");
    return written;
}

baseline::known known_from(located_value const& v) {
    constexpr std::string_view fields[] = {"check", "rule", "fingerprint", "violated", "of"};
    v.check_object("an entry");
    refuse_unknown(v, fields);
    baseline::known k{text(v, "check", "the name of a check"), rule(v),
        text(v, "fingerprint", "a fingerprint as written by --update-baseline"), {}};
    k.counted.of =
        static_cast<std::uint64_t>(field(v, "of", "a number of trials").number("a number of trials", 1, INT64_MAX));
    k.counted.violated =
        static_cast<std::uint64_t>(field(v, "violated", "a number of trials")
                                       .number("a number of trials", 1, static_cast<std::int64_t>(k.counted.of)));
    return k;
}

baseline::exception exception_from(located_value const& v) {
    constexpr std::string_view fields[] = {"check", "rule", "fingerprint", "reason", "expires"};
    v.check_object("an entry");
    refuse_unknown(v, fields);
    baseline::exception e{text(v, "check", "the name of a check"), rule(v), "",
        text(v, "reason", "the reason why this is tolerated"), day(v)};
    if (v.find("fingerprint")) e.fingerprint = text(v, "fingerprint", "a fingerprint as printed by a report");
    return e;
}

std::tuple<std::string const&, std::string const&, std::string const&> order(baseline::known const& k) {
    return {k.check, k.rule, k.fingerprint};
}

std::string entries(ordered_json const& list) {
    if (list.empty()) return "[]";
    std::string out;
    for (ordered_json const& entry : list) {
        std::string lines = entry.dump(2, ' ', false, ordered_json::error_handler_t::replace), indented;
        for (char const c : lines) indented += c == '\n' ? std::string("\n    ") : std::string(1, c);
        out += (out.empty() ? "[\n    " : ",\n    ") + indented;
    }
    return out + "\n  ]";
}

} // namespace

baseline baseline_from(located_value const& root, std::string const& path) {
    constexpr std::string_view fields[] = {"format", "version", "current", "manual"};
    expect_format(root, "baseline", "a baseline as written by --update-baseline");
    refuse_unknown(root, fields);
    baseline b;
    b.path = path;
    if (auto const list = root.find("current"))
        for (located_value const& v : list->items("a list of entries", 0, most_entries)) {
            b.current.push_back(known_from(v));
            auto const same = std::ranges::count_if(
                b.current, [&](baseline::known const& k) { return order(k) == order(b.current.back()); });
            if (same > 1) v.fail("is a duplicate entry; run --update-baseline again");
        }
    if (auto const list = root.find("manual"))
        for (located_value const& v : list->items("a list of entries", 0, most_entries))
            b.manual.push_back(exception_from(v));
    std::ranges::sort(b.current, {}, order);
    return b;
}

baseline load_baseline(std::string const& path) {
    located_document const document = located_document::read(path);
    return baseline_from(document.root(), path);
}

baseline parse_baseline(std::string_view text, std::string const& path) {
    located_document const document = located_document::parse(text, path);
    return baseline_from(document.root(), path);
}

std::string to_text(baseline const& b) {
    std::vector<baseline::known> current = b.current;
    std::ranges::sort(current, {}, order);
    ordered_json known = ordered_json::array(), manual = ordered_json::array();
    for (baseline::known const& k : current)
        known.push_back({{"check", k.check}, {"rule", k.rule}, {"fingerprint", k.fingerprint},
            {"violated", k.counted.violated}, {"of", k.counted.of}});
    for (baseline::exception const& e : b.manual) {
        ordered_json entry{{"check", e.check}, {"rule", e.rule}};
        if (!e.fingerprint.empty()) entry["fingerprint"] = e.fingerprint;
        entry["reason"] = e.reason;
        entry["expires"] = e.expires;
        manual.push_back(std::move(entry));
    }
    return "{\n  \"format\": \"shutdown-repro/baseline\",\n  \"version\": \"1.0\",\n  \"current\": " + entries(known) +
        ",\n  \"manual\": " + entries(manual) + "\n}\n";
}

baseline_lock::baseline_lock(std::string const& path) {
    std::filesystem::path const above = std::filesystem::path(path).parent_path();
    std::string const folder = above.empty() ? "." : above.string();
    folder_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int locked = folder_;
    while (locked >= 0 && (locked = ::flock(folder_, LOCK_EX)) < 0 && errno == EINTR) locked = 0;
    if (locked >= 0) return;
    std::string const why = std::strerror(errno);
    if (folder_ >= 0) ::close(folder_);
    throw input_error("cannot lock the folder " + folder + " against other updates of the baseline: " + why);
}

baseline_lock::~baseline_lock() { ::close(folder_); }

void save_baseline(baseline const& b) { traces::replace_file(b.path, to_text(b)); }

std::string today() {
    namespace ch = std::chrono;
    ch::sys_days now = ch::floor<ch::days>(ch::system_clock::now());
    if (char const* const said = std::getenv("SOURCE_DATE_EPOCH"); said && *said) {
        constexpr std::int64_t most = 253'402'300'799; // the year 9999
        std::string_view const digits = said;
        std::int64_t seconds = 0;
        auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
        if (error != std::errc{} || end != digits.data() + digits.size() || seconds < 0 || seconds > most)
            throw input_error(
                "SOURCE_DATE_EPOCH must be seconds since 1970, not \"" + std::string(digits.substr(0, 60)) + "\"");
        now = ch::floor<ch::days>(ch::sys_seconds(ch::seconds(seconds)));
    }
    ch::year_month_day const date(now);
    char text[32];
    std::snprintf(text, sizeof text, "%04d-%02u-%02u", int(date.year()), unsigned(date.month()), unsigned(date.day()));
    return text;
}

} // namespace shutdown_repro::repro
