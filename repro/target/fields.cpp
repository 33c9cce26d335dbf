#include "repro/target/fields.hpp"
#include <algorithm>
#include "repro/input/pattern.hpp"
#include "repro/target/adapter.hpp"
#include "repro/target/effect_fields.hpp"
#include "repro/target/request_fields.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::int64_t most_ms = 3'600'000;
constexpr std::int64_t most_workers = 256;
constexpr std::size_t most_words = 256, most_files = 64;
constexpr std::string_view format = "shutdown-repro/target";

using value = located_value;
using target_values::one_line;
using target_values::text_of;

struct field {
    std::string_view name;
    void (*take)(value const&, target&);
};

void take_fields(value const& object, std::span<field const> fields, target& t) {
    std::vector<std::string_view> names;
    for (field const& f : fields) names.push_back(f.name);
    for (value const& member : object.members()) {
        auto const f = std::ranges::find(fields, member.name(), &field::name);
        if (f == fields.end()) member.unknown_field(names);
        f->take(member, t);
    }
}

// ---- one value

// The name becomes part of file names in the user's folder, so it must not lead to another folder.
std::string name(value const& v) {
    std::string const& text = v.text("a name");
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    if (text.empty() || text.size() > 64 || text.front() == '.' || text.front() == '-' ||
        text.find_first_not_of(allowed) != text.npos)
        v.must_be("a name of up to 64 letters, digits, - _ and .");
    return text;
}

target::words words(value const& v) {
    target::words all;
    for (value const& word : v.items("a command, such as [\"program\", \"argument\"]", 1, most_words)) {
        all.push_back(word.text("a text"));
        if (all.back().find('\0') != std::string::npos) word.fail("must not contain a null character");
    }
    if (all.front().empty()) v.fail("must begin with a program, not with an empty text");
    return all;
}

int signal(value const& v) {
    int const number = parse_signal(v.text("a signal, such as \"SIGTERM\""));
    if (!number) v.must_be("a signal, such as \"SIGTERM\"");
    if (!can_be_handled(number)) v.fail("must be a signal that a process can handle, not SIGKILL or SIGSTOP");
    return number;
}

std::int64_t milliseconds(value const& v, std::int64_t least = 1) {
    return v.number("a number of milliseconds", least, most_ms);
}

void versions(value const& v, target& t) {
    for (value const& each : v.items("a list of versions, such as [\"18.20\", \"20\"]", 1, most_words)) {
        std::string const& version = each.text("a version, such as \"18.20\"");
        if (version.empty() || version.find_first_not_of("0123456789.") != version.npos)
            each.must_be("a version, such as \"18.20\"");
        t.tried_with.push_back(version);
    }
}

target::named_texts named_texts(value const& v, void (*check)(value const&)) {
    v.check_object("an object of texts");
    target::named_texts all;
    for (value const& member : v.members()) {
        if (all.size() == most_files) v.fail("has more than " + std::to_string(most_files) + " entries");
        check(member);
        all.emplace_back(member.name(), text_of(member));
    }
    return all;
}

void file_name(value const& v) {
    if (v.name().empty() || v.name().find('/') != std::string::npos || v.name() == "." || v.name() == "..")
        v.fail("must be a plain file name; the file is written into {folder}");
}

void variable_name(value const& v) {
    if (v.name().empty() || v.name().find('=') != std::string::npos)
        v.fail("is not a valid name of an environment variable");
}

void exit_statuses(value const& v, target& t) {
    t.exit.clear();
    for (value const& status : v.items("a list of exit statuses", 1, 256))
        t.exit.push_back(static_cast<int>(status.number("an exit status", 0, 255)));
}

void allowed_rules(value const& v, target& t) {
    static std::vector<std::string_view> const known = [] {
        std::vector<std::string_view> ids;
        for (traces::rule_info const& r : traces::all_rules()) ids.push_back(r.id);
        return ids;
    }();
    for (value const& each : v.items("a list of rules", 0, known.size())) t.allow.emplace_back(each.one_of(known));
}

// ---- objects

std::string log_pattern(value const& v) {
    std::string expression = one_line(v);
    if (std::string const why = pattern::why_not(expression); !why.empty())
        v.fail("is not a regular expression: " + why);
    return expression;
}

void startup(value const& v, target& t) {
    static constexpr field fields[] = {{"log", [](value const& x, target& to) { to.startup.log = log_pattern(x); }}};
    v.check_object("moments of the start, such as {\"log\": \"^loading\"}");
    take_fields(v, fields, t);
}

void flag_tcp(value const& v, target& t) {
    v.check_flag();
    t.ready.tcp = v.json().get<bool>();
}

void ready(value const& v, target& t) {
    static constexpr field fields[] = {
        {"tcp", flag_tcp},
        {"http", [](value const& x, target& to) { to.ready.http = target_values::readiness_request(x); }},
        {"log", [](value const& x, target& to) { to.ready.log = log_pattern(x); }},
        {"command", [](value const& x, target& to) { to.ready.command = words(x); }},
        {"workers",
            [](value const& x, target& to) {
                to.ready.workers = static_cast<std::uint32_t>(x.number("a number of processes", 0, most_workers));
            }},
        {"within_ms", [](value const& x, target& to) { to.ready.within_ms = milliseconds(x); }},
    };
    v.check_object("a readiness condition, such as {\"tcp\": true}");
    take_fields(v, fields, t);
}

void stop(value const& v, target& t) {
    static constexpr field fields[] = {
        {"signal", [](value const& x, target& to) { to.stop.signal = signal(x); }},
        {"command",
            [](value const& x, target& to) { to.stop.by = target::stop_method::command, to.stop.command = words(x); }},
        {"http",
            [](value const& x, target& to) {
                to.stop.by = target::stop_method::http, to.stop.http = target_values::request(x);
            }},
    };
    v.check_object("a way to stop the server, such as {\"signal\": \"SIGTERM\"}");
    if (v.members().size() != 1) v.fail("must have exactly one of \"signal\", \"command\" and \"http\"");
    take_fields(v, fields, t);
}

// Returns a signal, a command or a request, if the member is one.
bool take_order(value const& member, server_order& to) {
    if (member.name() == "signal") to.by = stop_method::signal, to.signal = signal(member);
    else if (member.name() == "command") to.by = stop_method::command, to.command = words(member);
    else if (member.name() == "http") to.by = stop_method::http, to.http = target_values::request(member);
    else return false;
    return true;
}

server_order order(value const& v) {
    static constexpr std::string_view known[] = {"signal", "command", "http"};
    v.check_object("an order, such as {\"signal\": \"SIGQUIT\"}");
    server_order read;
    if (v.members().size() != 1) v.fail("must have exactly one of \"signal\", \"command\" and \"http\"");
    for (value const& member : v.members())
        if (!take_order(member, read)) member.unknown_field(known);
    return read;
}

std::string answer_path(value const& v) {
    if (!v.json().is_string()) v.must_be("a path on the server, such as \"/version\"");
    return target_values::url(v).path;
}

bool is_order(value const& member) {
    return member.name() == "signal" || member.name() == "command" || member.name() == "http";
}

// A field of another act would have no meaning, and a reader would think that it has.
void check_that_it_fits(value const& member, act_kind what) {
    bool const is_told = what == act_kind::reload || what == act_kind::upgrade;
    std::string_view const name = member.name();
    if ((is_order(member) || name == "then") && !is_told)
        member.fail("is of a reload or an upgrade only; how the server is stopped is said by \"stop\"");
    if ((name == "effect" || name == "answer") && !is_told) member.fail("is of a reload or an upgrade only");
    if (name == "times" && !is_told && what != act_kind::recycle)
        member.fail("is of a reload, an upgrade or a recycle only; use --repeat to run an act again");
    if (name == "requests" && what != act_kind::recycle) member.fail("is of a recycle only");
    if (name == "listen_fds" && what != act_kind::successor) member.fail("is of a successor only");
}

void take_act_field(value const& v, act_plan& plan) {
    static constexpr std::string_view known[] = {
        "do", "signal", "command", "http", "then", "effect", "answer", "times", "requests", "listen_fds"};
    static constexpr std::string_view effects[] = {"processes", "exec", "socket"};
    constexpr std::int64_t most_times = 20, most_requests = 1'000'000;
    if (v.name() == "do" || take_order(v, plan.order)) return;
    if (v.name() == "then") plan.then = order(v);
    else if (v.name() == "effect") plan.effect = v.one_of(effects);
    else if (v.name() == "answer") plan.answer = answer_path(v);
    else if (v.name() == "times") plan.times = static_cast<std::uint32_t>(v.number("a number of times", 1, most_times));
    else if (v.name() == "requests")
        plan.requests = static_cast<std::uint32_t>(v.number("a number of requests", 1, most_requests));
    else if (v.name() == "listen_fds") v.check_flag(), plan.listen_fds = v.json().get<bool>();
    else v.unknown_field(known);
}

act_plan act_of(value const& v) {
    if (v.json().is_string())
        return default_act(
            static_cast<act_kind>(std::ranges::find(act_names(), v.one_of(act_names())) - act_names().begin()));
    v.check_object("an act, such as {\"do\": \"reload\", \"signal\": \"SIGHUP\"}");
    auto const kind = v.find("do");
    if (!kind) v.fail("has no \"do\", which is stop, reload, upgrade, recycle, successor or none");
    auto const at = std::ranges::find(act_names(), kind->one_of(act_names())) - act_names().begin();
    act_plan plan = default_act(static_cast<act_kind>(at));
    std::size_t orders = 0;
    for (value const& member : v.members()) {
        check_that_it_fits(member, plan.what);
        if (is_order(member) && ++orders > 1) v.fail("must have only one of \"signal\", \"command\" and \"http\"");
        take_act_field(member, plan);
    }
    return plan;
}

void add_act(act_plan plan, value const& v, target& t) {
    if (std::ranges::find(t.acts, plan.what, &act_plan::what) != t.acts.end())
        v.fail("describes the act \"" + std::string(name_of(plan.what)) + "\" again");
    t.acts.push_back(std::move(plan));
}

void act(value const& v, target& t) {
    t.act = act_of(v);
    if (!v.json().is_string()) add_act(t.act, v, t);
}

void acts(value const& v, target& t) {
    for (value const& each : v.items("a list of acts", 1, act_names().size())) add_act(act_of(each), each, t);
}

void unix_path(value const& v, target& t) {
    constexpr std::size_t longest = 100; // sun_path has 108 bytes, and {folder} may be long
    t.unix_path = one_line(v);
    if (t.unix_path.size() > longest || (t.unix_path.front() != '/' && t.unix_path.front() != '{'))
        v.must_be("a path of up to 100 bytes, such as \"{folder}/app.sock\"");
}

void second_signal(value const& v, target& t) {
    v.check_object("a second signal, such as {\"signal\": \"SIGTERM\", \"meaning\": \"nothing\"}");
    static constexpr field fields[] = {
        {"signal", [](value const& x, target& to) { to.second_signal = signal(x); }},
        {"meaning",
            [](value const& x, target& to) {
                static constexpr std::string_view meanings[] = {"nothing", "force"};
                to.second_forces = x.one_of(meanings) == "force";
            }},
    };
    take_fields(v, fields, t);
}

void adapter(value const& v, target& t) {
    std::vector<std::string_view> names;
    for (adapter_info const& a : all_adapters()) names.push_back(a.name);
    t.adapter = v.one_of(names);
}

void program_flag(value const& v, target& t) {
    v.check_flag();
    t.program = v.json().get<bool>();
}

void pid1_flag(value const& v, target& t) {
    v.check_flag();
    t.pid1 = v.json().get<bool>();
}

void signal_to(value const& v, target& t) { t.signal_to = *parse_receivers(v.one_of(receiver_words())); }

void format_of(value const& v, target&) {
    if (v.text("\"" + std::string(format) + "\"") != format) v.must_be("\"" + std::string(format) + "\"");
}

void version_of_format(value const& v, target&) {
    std::string const& text = v.text("a version, such as \"1.0\"");
    if (text != "1" && !text.starts_with("1.")) v.fail("is newer than 1.0, the version that this program reads");
}

constexpr field fields[] = {
    {"format", format_of},
    {"version", version_of_format},
    {"name", [](value const& v, target& t) { t.name = name(v); }},
    {"summary", [](value const& v, target& t) { t.summary = one_line(v); }},
    {"package", [](value const& v, target& t) { t.package = one_line(v); }},
    {"says_version", [](value const& v, target& t) { t.version = words(v); }},
    {"tried_with", versions},
    {"command", [](value const& v, target& t) { t.command = words(v); }},
    {"files", [](value const& v, target& t) { t.files = named_texts(v, file_name); }},
    {"environment", [](value const& v, target& t) { t.environment = named_texts(v, variable_name); }},
    {"port",
        [](value const& v, target& t) { t.port = static_cast<std::uint16_t>(v.number("a port number", 0, 65'535)); }},
    {"adapter", adapter},
    {"pid1", pid1_flag},
    {"program", program_flag},
    {"ready", ready},
    {"startup", startup},
    {"stop", stop},
    {"signal_to", signal_to},
    {"act", act},
    {"acts", acts},
    {"unix", unix_path},
    {"wrong_signal", [](value const& v, target& t) { t.wrong_signal = signal(v); }},
    {"second_signal", second_signal},
    {"grace_ms", [](value const& v, target& t) { t.grace_ms = milliseconds(v); }},
    {"accepts_for_ms", [](value const& v, target& t) { t.accepts_for_ms = milliseconds(v, 0); }},
    {"drain_ms", [](value const& v, target& t) { t.drain_ms = milliseconds(v); }},
    {"effects", [](value const& v, target& t) { t.effects = target_values::effects(v); }},
    {"allow", allowed_rules},
    {"exit", exit_statuses},
    {"path", [](value const& v, target& t) { t.path = target_values::url(v); }},
    {"slow", [](value const& v, target& t) { t.slow = target_values::url(v); }},
    {"slow_stream", [](value const& v, target& t) { t.slow_stream = target_values::url(v); }},
    {"stream", [](value const& v, target& t) { t.stream = target_values::url(v); }},
    {"upload", [](value const& v, target& t) { t.upload = target_values::upload_url(v); }},
    {"large", [](value const& v, target& t) { t.large = target_values::url(v); }},
};

} // namespace

target target_from_document(located_value const& document) {
    document.check_object(
        "a target, such as {\"format\": \"shutdown-repro/target\", \"version\": \"1.0\", \"command\": [\"server\"]}");
    for (char const* required : {"format", "version", "name", "command"})
        if (!document.find(required)) document.fail("has no \"" + std::string(required) + "\"");
    target t;
    t.document = document.json().dump();
    take_fields(document, fields, t);
    if (t.uses_backend()) {
        if (t.slow.empty()) t.slow.path = "/slow";
        if (t.slow_stream.empty()) t.slow_stream.path = "/slow-stream";
        if (t.stream.empty()) t.stream.path = "/stream";
        if (t.large.empty()) t.large.path = "/large";
        if (t.upload.empty()) t.upload = usual_upload(), t.upload.path = "/upload";
    }
    // An act that is only named may be described further below.
    if (auto const named = document.find("act"); named && named->json().is_string()) choose_act(t, name_of(t.act.what));
    if (t.program && t.adapter.empty())
        document.fail("is a \"program\" and needs an \"adapter\": without one nothing would be recorded");
    if (t.program && t.uses_backend())
        document.fail("is a \"program\", which sends its own requests, so {backend} has no meaning in it");
    if (t.program && t.pid1)
        document.find("pid1")->fail("is for servers; a \"program\" stops itself and gets no signal");
    if (t.wrong_signal && t.stop.by == target::stop_method::signal && t.wrong_signal == t.stop.signal)
        document.find("wrong_signal")->fail("must differ from the signal that stops the server");
    return t;
}

} // namespace shutdown_repro::repro
