// A headless Chromium, driven over its DevTools pipe: opens a page from a file and asks it questions. It gets a profile of its
// own and no network.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>
#include "tests/cli/program.hpp"

namespace shutdown_repro::cli_tests {

class browser {
public:
    // Where it is, "" when this machine has none.
    static std::string path();

    struct how {
        bool dark = false, scripts = true;
        int width = 1280, height = 900;
    };
    browser();
    browser(browser const&) = delete;
    ~browser();

    // Loads a page and waits until it has loaded; what was complained of before is forgotten.
    void open(std::string const& file, how);
    void open(std::string const& file) { open(file, how()); }
    // The value of a JavaScript expression, awaited when it is a promise. Works where the page's scripts are off, too.
    nlohmann::json ask(std::string const& expression);
    void click(std::string const& selector); // in its middle, as a mouse does
    void type(std::string const& text);      // into what has the focus
    void press(std::string const& key);      // "Escape", "Tab", "ArrowRight"
    // Of the page that is open: errors and warnings of its console, exceptions, refusals, and dialogs that it has opened.
    std::vector<std::string> const& complaints() const { return complaints_; }
    std::vector<std::string> const& requests() const { return requests_; } // every address that it has asked for

private:
    nlohmann::json call(std::string const& method, nlohmann::json parameters = nlohmann::json::object());
    nlohmann::json next();
    void note(nlohmann::json const& event);
    void go_to(std::string const& address);

    folder profile_;
    int id_ = -1, to_ = -1, from_ = -1, number_ = 0;
    std::string session_, unread_;
    bool loaded_ = false;
    std::vector<std::string> complaints_, requests_;
};

} // namespace shutdown_repro::cli_tests
