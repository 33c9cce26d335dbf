#include "server_under_test/http/http_reader.hpp"
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

namespace shutdown_repro::server::http {
namespace {

namespace beast = boost::beast::http;
using boost::beast::string_view;
using error_code = boost::beast::error_code;

} // namespace

struct response_reader::impl final : beast::basic_parser<false> {
    explicit impl(bool to_head) {
        skip(to_head);
        eager(true);
        body_limit(boost::none);
    }
    int code = 0;
    std::uint64_t body = 0;
    bool failed = false;

private:
    void on_request_impl(beast::verb, string_view, string_view, int, error_code&) override {}
    void on_response_impl(int status, string_view, int, error_code&) override { code = status; }
    void on_field_impl(beast::field, string_view, string_view, error_code&) override {}
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
    std::size_t on_body_impl(string_view part, error_code&) override {
        body += part.size();
        return part.size();
    }
    void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, string_view part, error_code&) override {
        body += part.size();
        return part.size();
    }
    void on_finish_impl(error_code&) override {}
};

response_reader::response_reader(bool to_head) : impl_(std::make_unique<impl>(to_head)) {}
response_reader::~response_reader() = default;
response_reader::response_reader(response_reader&&) noexcept = default;
response_reader& response_reader::operator=(response_reader&&) noexcept = default;

void response_reader::feed(std::string_view part) {
    bytes_ += part.size();
    head_ += part;
    while (state() == parse::need_more && !head_.empty()) {
        error_code ec;
        std::size_t const used = impl_->put(boost::asio::const_buffer(head_.data(), head_.size()), ec);
        head_.erase(0, used);
        impl_->failed = ec && ec != beast::error::need_more;
        if (!used) return;
    }
}

void response_reader::end_of_stream() {
    if (state() != parse::need_more || !impl_->got_some()) return;
    error_code ec;
    impl_->put_eof(ec); // on an error the response stays incomplete
}

parse response_reader::state() const {
    return impl_->failed ? parse::bad : impl_->is_done() ? parse::complete : parse::need_more;
}
int response_reader::status() const { return impl_->is_header_done() ? impl_->code : 0; }
std::uint64_t response_reader::body() const { return impl_->body; }
std::optional<std::uint64_t> response_reader::length() const {
    if (!impl_->is_header_done() || impl_->chunked() || !impl_->content_length()) return std::nullopt;
    return *impl_->content_length();
}
bool response_reader::framed() const { return impl_->is_header_done() && !impl_->need_eof(); }
bool response_reader::close() const { return impl_->is_header_done() && !impl_->keep_alive(); }

} // namespace shutdown_repro::server::http
