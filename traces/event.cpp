#include "traces/event.hpp"
#include <array>
#include <cstring>
#include <limits>

namespace shutdown_repro::traces {

namespace {

constexpr std::array<std::string_view, entity_count> entity_names = {
    "none",
    "server",
    "scope",
    "coroutine",
    "request",
    "connection",
    "stream",
    "timer",
    "loop",
    "listener",
    "client",
    "process",
    "control",
    "world",
    "other",
};

constexpr std::array<std::string_view, kind_count> kind_names = {
    "server.open",
    "server.listen",
    "server.ready",
    "server.close",
    "server.stopped",
    "server.destroy",
    "server.free",
    "act.stop",
    "act.free",
    "act.return",
    "act.begin",
    "act.effect",
    "act.end",
    "scope.open",
    "scope.attach",
    "scope.cancel",
    "scope.cancelled",
    "scope.closed",
    "scope.catch",
    "scope.notify",
    "scope.unref",
    "scope.dispose",
    "scope.disposed",
    "scope.refuse",
    "scope.access",
    "coroutine.spawn",
    "coroutine.start",
    "coroutine.suspend",
    "coroutine.resume",
    "coroutine.cancel",
    "coroutine.zombie",
    "coroutine.finish",
    "coroutine.hook",
    "coroutine.remove",
    "request.open",
    "request.begin",
    "request.respond",
    "request.finish",
    "request.free",
    "connection.open",
    "connection.read",
    "connection.write",
    "connection.close",
    "stream.open",
    "stream.read",
    "stream.queue",
    "stream.write",
    "stream.drain",
    "stream.timeout",
    "stream.close_gracefully",
    "stream.close",
    "timer.arm",
    "timer.fire",
    "timer.cancel",
    "loop.start",
    "loop.tick",
    "loop.serve",
    "loop.error",
    "loop.stop_gracefully",
    "loop.finish",
    "loop.stopping",
    "loop.stop",
    "listener.wake",
    "callback.enter",
    "hook.add",
    "hook.begin",
    "hook.end",
    "object.depend",
    "object.free",
    "decision",
    "assert",
    "client.connect",
    "client.connected",
    "client.send",
    "client.receive",
    "client.done",
    "client.fail",
    "client.closed",
    "client.leave",
    "client.open",
    "client.goaway",
    "client.traffic",
    "process.start",
    "process.ready",
    "process.status",
    "process.signal",
    "process.stderr",
    "process.files",
    "process.exit",
    "process.orphan",
    "process.left",
    "process.port",
    "process.stuck",
    "process.path",
    "process.effect",
    "process.step",
    "other",
};
static_assert(entity_names.back() == "other" && kind_names.back() == "other", "a name is missing from its table");

// Compares two names of the same length, at least four letters. Faster than memcmp for such short words.
bool same_letters(char const* a, char const* b, std::size_t length) {
    auto const eight = [&](std::size_t at) {
        std::uint64_t x, y;
        std::memcpy(&x, a + at, 8);
        std::memcpy(&y, b + at, 8);
        return x == y;
    };
    auto const four = [&](std::size_t at) {
        std::uint32_t x, y;
        std::memcpy(&x, a + at, 4);
        std::memcpy(&y, b + at, 4);
        return x == y;
    };
    if (length < 8) return four(0) && four(length - 4);
    for (std::size_t at = 0; at + 8 < length; at += 8)
        if (!eight(at)) return false;
    return eight(length - 8);
}

// Finds the index of a name with one comparison. The hash reads the length and five letters. Its multiplier is searched
// at
// compile time, so that no two names have the same slot.
template <std::size_t N> class name_index {
public:
    static constexpr std::uint8_t unknown = 255;

    consteval explicit name_index(std::array<std::string_view, N> const& names) : names_(names) {
        while (!fill()) multiplier_ += 2;
    }

    std::uint8_t find(std::string_view name) const {
        if (name.size() < shortest) return unknown;
        std::uint8_t const i = slots_[slot(name)];
        if (i == unknown || names_[i].size() != name.size()) return unknown;
        return same_letters(names_[i].data(), name.data(), name.size()) ? i : unknown;
    }

private:
    static constexpr std::size_t shortest = 4;
    static constexpr int bits = N > 16 ? 10 : 6;
    static_assert(N < unknown);

    constexpr std::size_t slot(std::string_view s) const {
        auto const at = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(s[i])); };
        std::size_t const n = s.size();
        std::uint32_t const letters = at(0) | at(n / 2 - 1) << 8 | at(n - 3) << 16 | at(n - 1) << 24;
        return ((letters ^ (static_cast<std::uint32_t>(n) + at(n - 2)) << 4) * multiplier_) >> (32 - bits);
    }
    consteval bool fill() {
        slots_.fill(unknown);
        for (std::size_t i = 0; i < N; ++i) {
            std::uint8_t& there = slots_[slot(names_[i])];
            if (there != unknown) return false;
            there = static_cast<std::uint8_t>(i);
        }
        return true;
    }

    std::array<std::string_view, N> names_;
    std::array<std::uint8_t, std::size_t{1} << bits> slots_{};
    std::uint32_t multiplier_ = 0x9E3779B1u;
};

constexpr name_index<entity_count> entities(entity_names);
constexpr name_index<kind_count> kinds(kind_names);

bool is_word(std::string_view s) {
    for (char c : s)
        if ((c < 'a' || c > 'z') && c != '_') return false;
    return !s.empty();
}

} // namespace

std::string_view name_of(entity e) { return entity_names[static_cast<std::size_t>(e)]; }
std::string_view name_of(kind k) { return kind_names[static_cast<std::size_t>(k)]; }

std::string to_string(ref r) {
    std::string s(name_of(r.type));
    if (r) s.append(1, ':').append(std::to_string(r.number));
    return s;
}

bool parse_ref(std::string_view text, ref& to) {
    std::size_t colon = text.size();
    std::uint64_t number = 0, unit = 1;
    while (colon > 0 && text[colon - 1] >= '0' && text[colon - 1] <= '9') {
        number += static_cast<std::uint64_t>(text[--colon] - '0') * unit;
        unit *= 10;
    }
    // Each id has one spelling: no empty number, no leading zeros, at most 32 bits.
    std::size_t const digits = text.size() - colon;
    if (digits == 0 || digits > 10 || number > std::numeric_limits<std::uint32_t>::max()) return false;
    if (digits > 1 && text[colon] == '0') return false;
    if (colon == 0 || text[colon - 1] != ':') return false;

    std::string_view const word = text.substr(0, colon - 1);
    std::uint8_t const i = entities.find(word);
    if (i == static_cast<std::uint8_t>(entity::none) || (i == entities.unknown && !is_word(word))) return false;
    to.type = i == entities.unknown ? entity::other : static_cast<entity>(i);
    to.number = static_cast<std::uint32_t>(number);
    return true;
}

std::optional<ref> parse_ref(std::string_view text) {
    ref r;
    return parse_ref(text, r) ? std::optional(r) : std::nullopt;
}

std::optional<kind> parse_kind(std::string_view name) {
    std::uint8_t const i = kinds.find(name);
    if (i == kinds.unknown || i == static_cast<std::uint8_t>(kind::other)) return std::nullopt;
    return static_cast<kind>(i);
}

} // namespace shutdown_repro::traces
