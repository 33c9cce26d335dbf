#include "traces/trace.hpp"
#include <cstring>

namespace shutdown_repro::traces {

namespace {

constexpr std::size_t smallest_block = 64 * 1024;

// One allocation holds everything that an event views: fields, then causes and ids, then characters. In this order each
// part is aligned after the one before it.
static_assert(alignof(field) >= alignof(seq_t) && alignof(seq_t) >= alignof(ref));

std::size_t bytes_viewed(event const& e) {
    std::size_t bytes = e.detail.size_bytes() + e.because.size_bytes() + e.what_text.size();
    for (field const& f : e.detail) {
        bytes += f.key.size();
        if (f.val.is == value::type::text) bytes += f.val.text.size();
        if (f.val.is == value::type::ids) bytes += f.val.ids.size_bytes();
    }
    return bytes;
}

class packer {
public:
    explicit packer(void* to) : at_(static_cast<std::byte*>(to)) {}

    template <class T> T* copy(std::span<T const> from) {
        T* const to = reinterpret_cast<T*>(at_);
        if (!from.empty()) std::memcpy(static_cast<void*>(to), from.data(), from.size_bytes());
        at_ += from.size_bytes();
        return to;
    }
    void own(std::string_view& s) { s = {copy(std::span(s.data(), s.size())), s.size()}; }

private:
    std::byte* at_;
};

} // namespace

void* arena::take_from_next(std::size_t bytes) {
    std::size_t next = block_ ? current_ + 1 : 0;
    while (next < blocks_.size() && blocks_[next].size < bytes) ++next;
    if (next == blocks_.size()) {
        std::size_t const doubled =
            blocks_.empty() ? smallest_block : std::min(blocks_.back().size * 2, std::size_t{16} << 20);
        std::size_t const size = std::max(bytes, doubled);
        blocks_.push_back({std::unique_ptr<std::byte[]>(new std::byte[size]), size});
    }
    enter(next);
    used_ = bytes;
    return block_;
}

void arena::enter(std::size_t i) {
    current_ = i;
    used_ = 0;
    block_ = i < blocks_.size() ? blocks_[i].bytes.get() : nullptr;
    size_ = i < blocks_.size() ? blocks_[i].size : 0;
}

void arena::swap(arena& other) noexcept {
    blocks_.swap(other.blocks_);
    std::swap(current_, other.current_);
    std::swap(used_, other.used_);
    std::swap(size_, other.size_);
    std::swap(block_, other.block_);
}

event& trace::append(event const& e) {
    event& mine = events.emplace_back(e); // may move the event that `e` refers to
    std::size_t const bytes = bytes_viewed(mine);
    if (bytes == 0) return mine;

    packer pack(memory_.take(bytes, alignof(field)));
    std::span<field> const fields(pack.copy(mine.detail), mine.detail.size());
    mine.detail = fields;
    mine.because = {pack.copy(mine.because), mine.because.size()};
    for (field& f : fields)
        if (f.val.is == value::type::ids) f.val.ids = {pack.copy(f.val.ids), f.val.ids.size()};
    for (field& f : fields) {
        pack.own(f.key);
        if (f.val.is == value::type::text) pack.own(f.val.text);
    }
    pack.own(mine.what_text);
    return mine;
}

void trace::clear() {
    head = {};
    events.clear();
    foot.reset();
    problems.clear();
    memory_.clear();
}

} // namespace shutdown_repro::traces
