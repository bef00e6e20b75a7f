#pragma once
// A small HTTP/1.1 server on loopback for tests, with or without TLS, that can misbehave in every way.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace perdure::activity::testing_http {

struct Seen {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  // lower-case names
  std::string body;
  int connection = 0;  // number of the connection, from 1
};

enum class Then { keep, close, stall, reset };
struct Reply {
  std::string raw;
  Then then = Then::keep;
};

inline Reply reply(int status, std::string body = "", std::string headers = "", Then then = Then::keep) {
  return {"HTTP/1.1 " + std::to_string(status) + " Reason\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
              headers + "\r\n" + body,
          then};
}
inline Reply json(std::string body) { return reply(200, std::move(body), "Content-Type: application/json\r\n"); }

// A key and a self-signed certificate for localhost and 127.0.0.1, made anew for each test.
class Certificate {
 public:
  Certificate() : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), cert_(X509_new(), X509_free) {
    X509_set_version(cert_.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert_.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert_.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert_.get()), 3600);
    X509_set_pubkey(cert_.get(), key_.get());
    X509_NAME* name = X509_get_subject_name(cert_.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1,
                               0);
    X509_set_issuer_name(cert_.get(), name);
    add(NID_basic_constraints, "critical,CA:TRUE");
    add(NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_sign(cert_.get(), key_.get(), EVP_sha256());
  }
  EVP_PKEY* key() const { return key_.get(); }
  X509* cert() const { return cert_.get(); }
  void write_pem(const std::string& path) const {
    FILE* file = std::fopen(path.c_str(), "w");
    PEM_write_X509(file, cert_.get());
    std::fclose(file);
  }

 private:
  void add(int nid, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    X509_add_ext(cert_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&X509_free)> cert_;
};

class TestServer {
 public:
  using Handler = std::function<Reply(const Seen&)>;
  explicit TestServer(Handler handler, const Certificate* certificate = nullptr)
      : handler_(std::move(handler)), context_(nullptr, SSL_CTX_free) {
    if (certificate != nullptr) {
      context_.reset(SSL_CTX_new(TLS_server_method()));
      SSL_CTX_use_certificate(context_.get(), certificate->cert());
      SSL_CTX_use_PrivateKey(context_.get(), certificate->key());
    }
    stop_ = eventfd(0, EFD_CLOEXEC);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener_, 512);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { accept_all(); });
  }
  ~TestServer() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = write(stop_, &one, sizeof one);
    accepting_.join();
    for (auto& thread : connections_) thread.join();
    close(listener_);
    close(stop_);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  int port() const { return port_; }
  std::string url(const std::string& path = "/", const std::string& host = "127.0.0.1") const {
    return (context_ ? "https://" : "http://") + host + ":" + std::to_string(port_) + path;
  }
  std::vector<Seen> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  struct Peer {
    int fd = -1;
    SSL* ssl = nullptr;
    ssize_t receive(char* data, std::size_t size) const {
      return ssl != nullptr ? SSL_read(ssl, data, static_cast<int>(size)) : recv(fd, data, size, 0);
    }
    bool send_all(const std::string& text) const {
      for (std::size_t done = 0; done < text.size();) {
        const ssize_t n = ssl != nullptr ? SSL_write(ssl, text.data() + done, static_cast<int>(text.size() - done))
                                         : send(fd, text.data() + done, text.size() - done, MSG_NOSIGNAL);
        if (n <= 0) return false;
        done += static_cast<std::size_t>(n);
      }
      return true;
    }
  };

  bool readable(int fd) const {  // false when the server stops first
    pollfd waits[2] = {{fd, POLLIN, 0}, {stop_, POLLIN, 0}};
    poll(waits, 2, -1);
    return waits[1].revents == 0;
  }

  void accept_all() {
    sigset_t pipe;  // OpenSSL writes to clients that hung up
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    while (readable(listener_)) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      const timeval limit{10, 0};
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
      const int number = ++count_;
      connections_.emplace_back([this, fd, number] { serve(fd, number); });
    }
  }

  void serve(int fd, int number) {
    Peer peer{fd, nullptr};
    bool ready = true;
    if (context_) {
      peer.ssl = SSL_new(context_.get());
      SSL_set_fd(peer.ssl, fd);
      ready = SSL_accept(peer.ssl) == 1;
    }
    std::string buffer;
    while (ready && serve_one(peer, buffer, number)) {}
    if (peer.ssl != nullptr) SSL_free(peer.ssl);
    close(fd);
  }

  bool more(const Peer& peer, std::string& buffer) const {
    if ((peer.ssl == nullptr || SSL_pending(peer.ssl) == 0) && !readable(peer.fd)) return false;
    char chunk[16384];
    const ssize_t n = peer.receive(chunk, sizeof chunk);
    if (n <= 0) return false;
    buffer.append(chunk, static_cast<std::size_t>(n));
    return true;
  }

  bool serve_one(const Peer& peer, std::string& buffer, int number) {
    std::size_t head_end = 0;
    while ((head_end = buffer.find("\r\n\r\n")) == std::string::npos) {
      if (!more(peer, buffer)) return false;
    }
    Seen seen = parse(buffer.substr(0, head_end));
    seen.connection = number;
    const auto length = seen.headers.find("content-length");
    const std::size_t body = length == seen.headers.end() ? 0 : std::stoul(length->second);
    while (buffer.size() < head_end + 4 + body) {
      if (!more(peer, buffer)) return false;
    }
    seen.body = buffer.substr(head_end + 4, body);
    buffer.erase(0, head_end + 4 + body);
    {
      const std::lock_guard lock(mutex_);
      seen_.push_back(seen);
    }
    const Reply answer = handler_(seen);
    peer.send_all(answer.raw);
    if (answer.then == Then::stall) {
      std::string rest;
      while (more(peer, rest)) {}
      return false;
    }
    if (answer.then == Then::reset) {
      const linger hard{1, 0};
      setsockopt(peer.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    return answer.then == Then::keep;
  }

  static Seen parse(const std::string& head) {
    Seen seen;
    const std::size_t line_end = head.find("\r\n");
    const std::string line = head.substr(0, line_end);
    const std::size_t first = line.find(' ');
    seen.method = line.substr(0, first);
    seen.target = line.substr(first + 1, line.rfind(' ') - first - 1);
    for (std::size_t at = line_end; at != std::string::npos && at < head.size();) {
      const std::size_t end = head.find("\r\n", at + 2);
      const std::string header = head.substr(at + 2, end == std::string::npos ? end : end - at - 2);
      const std::size_t colon = header.find(':');
      std::string name = header.substr(0, colon);
      for (char& c : name) c = static_cast<char>(std::tolower(c));
      if (colon != std::string::npos) seen.headers[name] = header.substr(header.find_first_not_of(' ', colon + 1));
      at = end;
    }
    return seen;
  }

  Handler handler_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  int listener_ = -1;
  int stop_ = -1;
  int port_ = 0;
  int count_ = 0;
  std::thread accepting_;
  std::vector<std::thread> connections_;
  std::mutex mutex_;
  std::vector<Seen> seen_;
};

}  // namespace perdure::activity::testing_http
