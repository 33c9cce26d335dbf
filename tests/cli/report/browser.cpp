#include "tests/cli/report/browser.hpp"
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <signal.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace shutdown_repro::cli_tests {
namespace {

using nlohmann::json;

constexpr int patience_ms = 60'000; // for one answer, on a loaded machine

[[noreturn]] void become(std::string const& program, std::string const& profile, int commands, int answers) {
    int const quiet = open("/dev/null", O_RDWR);
    // Moves descriptors away from the numbers that the pipe needs.
    int const in = fcntl(commands, F_DUPFD, 10), out = fcntl(answers, F_DUPFD, 10);
    for (int fd : {0, 1, 2}) dup2(quiet, fd);
    dup2(in, 3);
    dup2(out, 4);
    for (int fd = 5; fd < 256; ++fd) close(fd);
    std::string const data = "--user-data-dir=" + profile;
    std::array<char const*, 14> const words{program.c_str(), "--headless", "--no-sandbox", "--disable-gpu",
        "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND", data.c_str(),
        "--remote-debugging-pipe", nullptr};
    execv(program.c_str(), const_cast<char* const*>(words.data()));
    _exit(127);
}

} // namespace

std::string browser::path() {
    for (char const* at : {"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"})
        if (access(at, X_OK) == 0) return at;
    return {};
}

browser::browser() {
    std::array<int, 2> commands{}, answers{};
    if (pipe2(commands.data(), O_CLOEXEC) != 0 || pipe2(answers.data(), O_CLOEXEC) != 0)
        throw std::runtime_error("no pipe for a browser");
    signal(SIGPIPE, SIG_IGN);
    std::string const program = path();
    id_ = fork();
    if (id_ == 0) {
        setpgid(0, 0); // its own process group, so that its helpers can be killed with it
        become(program, profile_.path(), commands[0], answers[1]);
    }
    close(commands[0]);
    close(answers[1]);
    to_ = commands[1];
    from_ = answers[0];
    std::string const target = call("Target.createTarget", {{"url", "about:blank"}})["targetId"];
    session_ = call("Target.attachToTarget", {{"targetId", target}, {"flatten", true}})["sessionId"];
    for (char const* domain : {"Page", "Runtime", "Log", "Network"}) call(std::string(domain) + ".enable");
}

browser::~browser() {
    kill(-id_, SIGKILL);
    waitpid(id_, nullptr, 0);
    close(to_);
    close(from_);
}

json browser::next() {
    std::size_t end = 0;
    while ((end = unread_.find('\0')) == unread_.npos) {
        pollfd ready{.fd = from_, .events = POLLIN, .revents = 0};
        std::array<char, 65536> bytes{};
        ssize_t const n = poll(&ready, 1, patience_ms) > 0 ? read(from_, bytes.data(), bytes.size()) : 0;
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw std::runtime_error("the browser says nothing any more");
        unread_.append(bytes.data(), static_cast<std::size_t>(n));
    }
    json message = json::parse(unread_.substr(0, end));
    unread_.erase(0, end + 1);
    return message;
}

void browser::note(json const& event) {
    std::string const method = event.value("method", "");
    json const about = event.value("params", json::object());
    if (method == "Page.loadEventFired") loaded_ = true;
    if (method == "Runtime.exceptionThrown") complaints_.push_back(about["exceptionDetails"].dump());
    if (method == "Runtime.consoleAPICalled") complaints_.push_back(about["args"].dump());
    if (method == "Log.entryAdded") complaints_.push_back(about["entry"].value("text", ""));
    if (method == "Network.requestWillBeSent") requests_.push_back(about["request"].value("url", ""));
    if (method == "Page.javascriptDialogOpening") {
        complaints_.push_back("a dialog: " + about.value("message", ""));
        json const dismiss{{"id", ++number_}, {"method", "Page.handleJavaScriptDialog"}, {"params", {{"accept", true}}},
            {"sessionId", session_}};
        std::string const text = dismiss.dump();
        if (write(to_, text.c_str(), text.size() + 1) < 0) throw std::runtime_error("the browser listens no more");
    }
}

json browser::call(std::string const& method, json parameters) {
    int const id = ++number_;
    json message{{"id", id}, {"method", method}, {"params", std::move(parameters)}};
    if (!session_.empty()) message["sessionId"] = session_;
    std::string const text = message.dump();
    if (write(to_, text.c_str(), text.size() + 1) != static_cast<ssize_t>(text.size() + 1))
        throw std::runtime_error("the browser listens no more");
    while (true) {
        json answer = next();
        if (!answer.contains("id")) note(answer);
        else if (answer["id"] == id) {
            if (answer.contains("error")) throw std::runtime_error(method + ": " + answer["error"].dump());
            return answer["result"];
        }
    }
}

void browser::go_to(std::string const& address) {
    complaints_.clear();
    requests_.clear();
    loaded_ = false;
    call("Page.navigate", {{"url", address}});
    while (!loaded_) note(next());
}

void browser::open(std::string const& file, how h) {
    call("Emulation.setDeviceMetricsOverride",
        {{"width", h.width}, {"height", h.height}, {"deviceScaleFactor", 1}, {"mobile", false}});
    call("Emulation.setEmulatedMedia",
        {{"features", {{{"name", "prefers-color-scheme"}, {"value", h.dark ? "dark" : "light"}}}}});
    call("Emulation.setScriptExecutionDisabled", {{"value", !h.scripts}});
    go_to("about:blank"); // also when it is the same file again
    std::size_t const anchor = std::min(file.find('#'), file.size());
    go_to("file://" + std::filesystem::absolute(file.substr(0, anchor)).string() + file.substr(anchor));
}

json browser::ask(std::string const& expression) {
    json const answer =
        call("Runtime.evaluate", {{"expression", expression}, {"returnByValue", true}, {"awaitPromise", true}});
    if (answer.contains("exceptionDetails"))
        throw std::runtime_error(expression + ": " + answer["exceptionDetails"].dump());
    return answer["result"].value("value", json());
}

void browser::click(std::string const& selector) {
    json const at = ask("(() => { const e = document.querySelector(" + json(selector).dump() +
        "); e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect(); "
        "return [b.x + b.width / 2, b.y + b.height / 2]; })()");
    for (char const* what : {"mousePressed", "mouseReleased"})
        call("Input.dispatchMouseEvent",
            {{"type", what}, {"x", at[0]}, {"y", at[1]}, {"button", "left"}, {"clickCount", 1}});
}

void browser::type(std::string const& text) { call("Input.insertText", {{"text", text}}); }

void browser::press(std::string const& key) {
    for (char const* what : {"keyDown", "keyUp"})
        call("Input.dispatchKeyEvent", {{"type", what}, {"key", key}, {"code", key}});
}

} // namespace shutdown_repro::cli_tests
