// A headless Chromium, driven over its DevTools pipe: opens a page from a file and evaluates expressions in it. It has
// its own profile and no network.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>
#include "tests/cli/program.hpp"

namespace shutdown_repro::cli_tests {

class browser {
public:
    // Returns the path of the browser, or "" when it is not installed.
    static std::string path();

    struct how {
        bool dark = false, scripts = true;
        int width = 1280, height = 900;
    };
    browser();
    browser(browser const&) = delete;
    ~browser();

    // Loads a page, waits for that, and forgets earlier complaints.
    void open(std::string const& file, how);
    void open(std::string const& file) { open(file, how()); }
    // Returns the value of a JavaScript expression; a promise is awaited. Works even if scripts of the page are
    // disabled.
    nlohmann::json ask(std::string const& expression);
    void click(std::string const& selector); // in its middle, as a mouse does
    void type(std::string const& text);      // into what has the focus
    void press(std::string const& key);      // "Escape", "Tab", "ArrowRight"
    // Returns the complaints of the open page: console errors and warnings, exceptions, blocked loads, and opened
    // dialogs.
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
