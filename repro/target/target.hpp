// A target: somebody else's server, and all that has to be known of it to start it, to wait until it is ready, and to stop it.
// Nothing of it is changed. Its file is JSON, see man/shutdown-repro-target.5.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shutdown_repro::repro {

struct target {
    using words = std::vector<std::string>;
    using named_texts = std::vector<std::pair<std::string, std::string>>;
    struct http_request {
        std::string method = "GET", path = "/";
        int status = 200; // that means yes
    };

    std::string name, summary;
    std::string package; // the Debian package that has it, "" when not known
    words version;       // a command that says its version; it fails where the target is not installed
    words command;       // {port}, {folder}, {backend} are replaced: here, in files, in environment
    named_texts files;   // written into {folder} before the start
    named_texts environment;
    std::uint16_t port = 0; // 0: one that is free
    std::string adapter;    // that looks into it, see adapter.hpp; "" for none
    bool program = false;   // serves, asks and stops by itself, see program_run.hpp; nobody probes it

    struct {
        bool tcp = true; // something listens
        std::optional<http_request> http;
        std::string log;           // a regular expression that a line of its output matches; "" for none
        words command;             // exits with 0
        std::uint32_t workers = 0; // this many of its processes, without the first, share the listening socket
        std::int64_t within_ms = 10'000;
    } ready; // all of it

    enum class way : std::uint8_t { signal, command, http };
    struct {
        way by = way::signal;
        int signal = 15; // SIGTERM
        words command;   // {pid}, too
        http_request http;
    } stop;
    int wrong_signal = 0;           // 0: SIGTERM, or SIGINT where SIGTERM is the right one
    int second_signal = 0;          // 0: the stop's own
    bool second_forces = false;     // it is documented to end the server at once; else to change nothing
    std::int64_t grace_ms = 10'000; // after the stop, until it is killed
    std::int64_t drain_ms = 0;      // that the server itself is configured to drain for at most; 0: it is not
    std::vector<int> exit{0};       // statuses of a good end

    std::string path = "/";  // answered at once
    std::string slow;        // answered while it is being stopped; "" for none
    std::string slow_stream; // its head and some of its body come at once, the rest is slow
    std::string stream;      // never ends

    bool uses_backend() const; // {backend} is said somewhere
    int wrong() const;
    std::string stop_in_words() const; // "SIGQUIT", "command", "POST /stop"
};

// A preset by its name, or a file. Throws input_error with file and line, or with the nearest name.
target load_target(std::string const& name_or_file);
target target_from_text(std::string_view text, std::string_view file_name);
// A target of which only the command is known.
target target_from_command(target::words command);
std::vector<target> const& preset_targets(); // in the order of their names
int parse_signal(std::string_view name);     // "SIGTERM", "TERM" or "15"; 0 for what is none
bool can_be_handled(int signal);             // neither SIGKILL nor SIGSTOP: a server can be stopped by it
bool is_server_path(std::string_view);       // "/slow": what can stand in a request's first line
std::string to_json_text(target const&);     // without its files: for a trace's header

// The version that it says, "" for a target without such a command; nullopt when it is not installed.
std::optional<std::string> installed_version(target const&);
// The path of a program: as it stands when it has a slash, else from PATH and the folders of system programs; "" when not found.
std::string find_program(std::string const& name);
// The same of who is to be run. Throws input_error when it is not found, which names the Debian package where there is one.
std::string need_program(std::string const& name, std::string const& package);

} // namespace shutdown_repro::repro
