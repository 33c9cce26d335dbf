// What has to be there after the exit of the server: lines of its output, files, and what commands find.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "repro/input/pattern.hpp"
#include "repro/target/placeholders.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::repro {

struct found_effect {
    bool there = false;
    std::string what; // "access.log has no line with \"bye\""
};

class effect_watch {
public:
    // Make it before the server is started: what files hold then was not written by it. Keeps `t`, which must stay
    // valid. Throws input_error when a program of a command is not found.
    effect_watch(target const& t, placeholders const&);

    void hear(std::string_view line); // call it with each line of the server's output
    // Returns what is there. `answers`: the number of requests that were answered. `succeeds` runs a command, and
    // returns whether it exited with 0.
    std::vector<found_effect> look(std::uint64_t answers, std::function<bool(target::words const&)> const& succeeds);

private:
    struct lines {
        std::vector<bool> has;
        bool matches = false;
        std::uint64_t count = 0; // of lines that stand for an answer
    };
    struct old_file {
        std::uint64_t size = 0, digest = 0;
    };
    struct watched {
        target::effect const* what;
        std::string path; // of its file
        std::optional<old_file> before = {};
        std::optional<pattern> matches = {}, for_each = {};
        lines seen = {};
    };
    static std::optional<old_file> look_at(std::string const& path, std::uint64_t most);
    static void take(watched&, std::string_view line);
    static std::string read(watched&); // returns why the file can't be read; "" when it was
    static void tell(watched const&, std::uint64_t answers, std::vector<found_effect>&);

    std::vector<watched> all_;
};

} // namespace shutdown_repro::repro
