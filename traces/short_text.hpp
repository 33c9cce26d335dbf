// A short text stored inside its owner, so that storing a name allocates no memory. A text that is too long is cut
// between UTF-8 characters and ends with "…".
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace shutdown_repro::traces {

template <std::size_t Capacity> class short_text {
    static_assert(Capacity >= 4 && Capacity < 256);

public:
    short_text() = default;
    short_text(std::string_view s) { append(s); }
    short_text& operator=(std::string_view s) {
        size_ = 0;
        return append(s);
    }
    short_text& append(std::string_view s) {
        std::size_t const room = Capacity - size_;
        put(s.substr(0, room));
        if (s.size() > room) end_with_ellipsis();
        return *this;
    }
    operator std::string_view() const { return {text_, size_}; }
    std::string str() const { return {text_, size_}; }
    bool empty() const { return size_ == 0; }

private:
    void put(std::string_view s) {
        if (s.empty()) return;
        std::memcpy(text_ + size_, s.data(), s.size());
        size_ = static_cast<std::uint8_t>(size_ + s.size());
    }
    void end_with_ellipsis() {
        static constexpr std::string_view ellipsis = "\xe2\x80\xa6";
        std::size_t keep = Capacity - ellipsis.size();
        auto const is_inside_a_character = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
        while (keep > 0 && is_inside_a_character(text_[keep])) --keep;
        size_ = static_cast<std::uint8_t>(keep);
        put(ellipsis);
    }

    std::uint8_t size_ = 0;
    char text_[Capacity]; // not initialized, because only the first size_ bytes are read
};

} // namespace shutdown_repro::traces
