#include "server_under_test/http/http_reader.hpp"
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include "server_under_test/http/response_head.hpp"

namespace shutdown_repro::server::http {
namespace {

namespace beast = boost::beast::http;
using boost::beast::string_view;
using error_code = boost::beast::error_code;

constexpr std::size_t most_beginning = 60; // bytes

} // namespace

struct response_reader::impl final : beast::basic_parser<false> {
    explicit impl(bool to_head) {
        skip(to_head);
        eager(true);
        body_limit(boost::none);
        header_limit(2 * longest_head); // the reader has its own limit, and the strict form may be longer
    }
    int code = 0;
    std::uint64_t body = 0;
    std::uint64_t digest = 0xcbf29ce484222325; // FNV-1a

private:
    void on_request_impl(beast::verb, string_view, string_view, int, error_code&) override {}
    void on_response_impl(int status, string_view, int, error_code&) override { code = status; }
    void on_field_impl(beast::field, string_view, string_view, error_code&) override {}
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
    std::size_t on_body_impl(string_view part, error_code&) override { return take(part); }
    void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, string_view part, error_code&) override { return take(part); }
    void on_finish_impl(error_code&) override {}
    std::size_t take(string_view part) {
        body += part.size();
        for (char const c : part) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3;
        return part.size();
    }
};

response_reader::response_reader(bool to_head) : impl_(std::make_unique<impl>(to_head)), to_head_(to_head) {}
response_reader::~response_reader() = default;
response_reader::response_reader(response_reader&&) noexcept = default;
response_reader& response_reader::operator=(response_reader&&) noexcept = default;

void response_reader::fail(std::string why) {
    trouble_ = std::move(why);
    unparsed_.clear();
}

// Parses as much as possible and removes it from `from`. Returns false when more bytes are needed.
bool response_reader::advance(std::string& from) {
    error_code ec;
    std::size_t const used = impl_->put(boost::asio::const_buffer(from.data(), from.size()), ec);
    from.erase(0, used);
    if (ec && ec != beast::error::need_more)
        fail((impl_->is_header_done() ? "its body can't be read: " : "its head can't be read: ") + ec.message());
    return used > 0;
}

// Returns false when the head is not complete, or can't be read.
bool response_reader::read_head() {
    while (unparsed_.starts_with("\r\n") || unparsed_.starts_with('\n')) // left over from before the response
        unparsed_.erase(0, unparsed_.find('\n') + 1);
    if (!begins_like_a_response(unparsed_)) return fail("it is not HTTP/1"), false;
    auto const end = end_of_head(unparsed_, searched_);
    if (end.value_or(unparsed_.size()) > longest_head) return fail("its head is longer than 256 KiB"), false;
    searched_ = unparsed_.size() - std::min<std::size_t>(unparsed_.size(), 2); // an end has at most three bytes
    if (!end) return false;
    strict_head head = to_strict_head(std::string_view(unparsed_).substr(0, *end));
    if (head.text.empty()) return fail(std::move(head.trouble)), false;
    unparsed_.erase(0, *end);
    searched_ = 0;
    advance(head.text);
    if (!trouble_.empty()) return false;
    constexpr int switching_protocols = 101;
    if (impl_->code / 100 == 1 && impl_->code != switching_protocols) {
        ++interim_;
        bytes_ = unparsed_.size();
        beginning_ = unparsed_.substr(0, most_beginning);
        impl_ = std::make_unique<impl>(to_head_);
    }
    return true;
}

void response_reader::feed(std::string_view part) {
    if (state() != parse::need_more) return;
    bytes_ += part.size();
    if (beginning_.size() < most_beginning) beginning_ += part.substr(0, most_beginning - beginning_.size());
    unparsed_ += part;
    while (state() == parse::need_more && !unparsed_.empty())
        if (!(impl_->is_header_done() ? advance(unparsed_) : read_head())) return;
}

void response_reader::end_of_stream() {
    if (state() != parse::need_more || !impl_->got_some()) return;
    error_code ec;
    impl_->put_eof(ec); // on an error the response stays incomplete
}

parse response_reader::state() const {
    return !trouble_.empty() ? parse::bad : impl_->is_done() ? parse::complete : parse::need_more;
}
int response_reader::status() const { return impl_->is_header_done() ? impl_->code : 0; }
std::uint64_t response_reader::body() const { return impl_->body; }
std::uint64_t response_reader::digest() const { return impl_->digest; }
std::optional<std::uint64_t> response_reader::length() const {
    if (!impl_->is_header_done() || impl_->chunked() || !impl_->content_length()) return std::nullopt;
    return *impl_->content_length();
}
bool response_reader::framed() const { return impl_->is_header_done() && !impl_->need_eof(); }
bool response_reader::close() const { return impl_->is_header_done() && !impl_->keep_alive(); }

} // namespace shutdown_repro::server::http
