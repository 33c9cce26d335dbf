// A target: a real server, and all that is needed to start it, to wait until it is ready, and to stop it. The server is
// not modified. Target files are JSON, see man/shutdown-repro-target.5.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include "repro/target/act_plan.hpp"

namespace shutdown_repro::repro {

struct target {
    using words = std::vector<std::string>;
    using named_texts = std::vector<std::pair<std::string, std::string>>;
    using http_request = server_request;
    // What has to be there after the exit: one of file, output and command.
    struct effect {
        std::string file = {}; // must exist and be written
        bool output = false;
        words command = {};               // must exit with status 0
        words has = {};                   // each of these texts is in a line of the file or of the output
        std::string matches = {};         // a regular expression that a line must match; "" for none
        std::string for_each_answer = {}; // the same for as many lines as requests were answered
    };

    std::string document; // the target file, as JSON in one line; "" when it was made from a command
    std::string name, summary;
    std::string package; // the Debian package of the server; "" if unknown
    words version;       // a command that prints its version; it fails where the server is not installed
    words tried_with;    // versions that this target was tried with: "20" stands for every 20.x; empty if unknown
    words command;       // {port}, {folder}, {backend} are replaced here, in files and in environment
    named_texts files;   // written into {folder} before the start
    named_texts environment;
    std::uint16_t port = 0; // 0 for a free port
    std::string adapter;    // see adapter.hpp; "" for none
    bool pid1 = false;      // it runs as process 1 of a PID namespace, as in a container
    bool program = false;   // serves, sends its own requests and stops itself, see program_run.hpp; it has no probes

    struct {
        bool tcp = true; // a process listens on the port
        std::optional<http_request> http;
        std::string log;           // a regular expression that a line of its output must match; "" for none
        words command;             // must exit with status 0
        std::uint32_t workers = 0; // number of its processes, besides the first, that must share the listening socket
        std::int64_t within_ms = 10'000;
    } ready; // the server is ready when all conditions hold

    struct {
        std::string log; // a regular expression for a line of its output, at which it is stopped, too; "" for none
    } startup;           // moments of its start

    using stop_method = repro::stop_method;
    server_order stop;
    act_plan act;               // what is done to it; a stop unless it says otherwise
    std::vector<act_plan> acts; // those that can be chosen by name
    std::string unix_path;      // the Unix path on which it listens instead of a port; "" for none
    // Who gets the signals of a stop: the process that was started, its process group, every process of the server (the
    // first one first), or process 1 of a PID namespace that the command makes.
    enum class receivers : std::uint8_t { first, group, all, pid1 };
    receivers signal_to = receivers::first;
    int wrong_signal = 0;            // 0: SIGTERM, or SIGINT where SIGTERM is the right one
    int second_signal = 0;           // 0: the signal of the stop again
    bool second_forces = false;      // whether the second signal is documented to force an exit; else to have no effect
    std::int64_t grace_ms = 10'000;  // time from the stop until the server is killed
    std::int64_t accepts_for_ms = 0; // time after the stop during which it goes on accepting on purpose
    std::int64_t drain_ms = 0;       // drain timeout that the server itself is configured with; 0 for none
    std::vector<effect> effects;
    words allow;              // rules whose violations are only noted
    std::vector<int> exit{0}; // exit statuses that mean success

    // The requests of clients. One that the target does not have is empty().
    http_request path;                    // answered immediately
    http_request slow{.path = ""};        // answered slowly, while the server is being stopped
    http_request slow_stream{.path = ""}; // head and part of the body are sent immediately, the rest slowly
    http_request stream{.path = ""};      // the response never ends
    http_request upload{.path = ""};      // has a body, of which the server reads half before the stop
    http_request large{.path = ""};       // the response is larger than the buffers of the kernel

    bool has_known_port() const; // whether it is fixed, or {port} occurs in command, files or environment
    bool uses_backend() const;   // whether {backend} occurs in command, files or environment
    bool tried(std::string_view version) const; // whether tried_with has this version, or one that it belongs to
    int wrong() const;
    std::string stop_in_words() const; // "SIGQUIT", "command", "POST /stop"
};

// Loads a preset by its name, or a file. Throws input_error that names file and line, or suggests the nearest name.
target load_target(std::string const& name_or_file);
bool is_target_file(std::string_view name_or_file); // whether load_target() takes it for a file
target target_from_text(std::string_view text, std::string_view file_name);
// Returns a target with a command and defaults for everything else. It is named after the program: the first word
// behind wrappers such as env, nohup and sh.
target target_from_command(target::words command);
std::vector<target> const& preset_targets(); // in the order of their names
// The words of target::receivers: "first" …
std::span<std::string_view const> receiver_words();
std::optional<target::receivers> parse_receivers(std::string_view word);
std::string_view word_of(target::receivers);
int parse_signal(std::string_view name); // accepts "SIGTERM", "TERM" or "15"; returns 0 for an unknown signal
bool can_be_handled(int signal);         // false for SIGKILL and SIGSTOP
// Returns a POST of 64 KiB without a path.
target::http_request usual_upload();
bool is_server_path(std::string_view); // whether it is a valid path in a request line, such as "/slow"
// For the header of a trace. `arguments` are those of the subcommand `run` that repeat the execution.
std::string to_json_text(target const&, std::vector<std::string> const& arguments = {});

// Chooses what is done to the target: the act of that name that it describes, or the default one. Throws input_error.
void choose_act(target&, std::string_view name);

// Notes the files that the target's commands run and name, so that no output replaces them (traces/format/inputs.hpp).
void note_inputs(target const&);

// Returns the version that the server prints, "" if it has no command for that, or nothing if it is not installed.
std::optional<std::string> installed_version(target const&);
// Returns the path of a program: the name itself if it has a slash, else from PATH and the folders of system programs;
// "" when it is not found.
std::string find_program(std::string const& name);
// The same, but throws input_error that names the Debian package, if known, when the program is not found.
std::string need_program(std::string const& name, std::string const& package);

} // namespace shutdown_repro::repro
