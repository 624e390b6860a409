#include <librebird/core/credentials/key_ring.hpp>

#include "key_file.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

namespace librebird {
namespace {

constexpr std::size_t kKeyBytes = crypto_kdf_KEYBYTES;
constexpr std::uint64_t kSecretsKey = 1;
constexpr std::uint64_t kAuditKey = 2;
constexpr const char* kContext = "librebrd";  // crypto_kdf_CONTEXTBYTES
constexpr std::string_view kFormat = "s1:";
constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr int kBase64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
static_assert(kKeyBytes == 32 && crypto_aead_xchacha20poly1305_ietf_KEYBYTES == 32 &&
              crypto_auth_hmacsha256_KEYBYTES == 32);

// One key with what is derived from it, in locked memory.
struct Keys {
  std::array<unsigned char, kKeyBytes> master;
  std::array<unsigned char, kKeyBytes> secrets;
  std::array<unsigned char, kKeyBytes> audit;
};

struct Freed {
  void operator()(Keys* keys) const { sodium_free(keys); }
};

struct Named {
  std::string id;
  std::unique_ptr<Keys, Freed> keys;
};

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string hex(const unsigned char* data, std::size_t size) {
  std::string out(size * 2 + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), data, size);
  out.pop_back();
  return out;
}

// Null: out of lockable memory.
Named derive(const unsigned char* master) {
  Named named;
  named.keys.reset(static_cast<Keys*>(sodium_malloc(sizeof(Keys))));
  if (!named.keys) return named;
  std::memcpy(named.keys->master.data(), master, kKeyBytes);
  crypto_kdf_derive_from_key(named.keys->secrets.data(), kKeyBytes, kSecretsKey, kContext, master);
  crypto_kdf_derive_from_key(named.keys->audit.data(), kKeyBytes, kAuditKey, kContext, master);
  constexpr std::string_view kLabel = "librebird master key id";
  std::array<unsigned char, 16> id{};
  crypto_generichash(id.data(), id.size(), bytes(kLabel), kLabel.size(), master, kKeyBytes);
  named.id = hex(id.data(), 8);
  sodium_mprotect_readonly(named.keys.get());
  return named;
}

Error no_memory() { return make_error(Code::unavailable, "There is no memory left for the master key."); }

Result<std::vector<Named>> parse(const std::string& text, const std::string& origin) {
  const auto malformed = [&] {
    return make_error(Code::failed_precondition,
                      "The master key in " + origin +
                          " is malformed: it is 64 hexadecimal digits, as `openssl rand -hex 32` prints them.");
  };
  std::vector<Named> list;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else if (std::strchr(" \t\r\n,", text[at]) != nullptr) {
      ++at;
    } else {
      const std::size_t end = std::min(text.find_first_of(" \t\r\n,#", at), text.size());
      std::array<unsigned char, kKeyBytes> master{};
      std::size_t size = 0;
      if (end - at != kKeyBytes * 2 ||
          sodium_hex2bin(master.data(), master.size(), text.data() + at, end - at, nullptr, &size, nullptr) != 0 ||
          size != kKeyBytes) {
        return malformed();
      }
      Named named = derive(master.data());
      sodium_memzero(master.data(), master.size());
      if (!named.keys) return no_memory();
      if (std::ranges::none_of(list, [&](const Named& known) { return known.id == named.id; })) {
        list.push_back(std::move(named));
      }
      at = end;
    }
  }
  if (list.empty()) return malformed();
  return list;
}

}  // namespace

struct KeyRing::Impl {
  KeySource source;
  mutable std::mutex mutex;
  std::vector<Named> list;

  [[nodiscard]] bool from_text() const { return !source.text.empty(); }
  [[nodiscard]] std::string origin() const { return from_text() ? source.text_origin : "the file " + source.file; }

  // With the mutex held.
  [[nodiscard]] const Keys* find(std::string_view id) const {
    const auto found = std::ranges::find(list, id, &Named::id);
    return found == list.end() ? nullptr : found->keys.get();
  }
  [[nodiscard]] Error unknown(std::string_view id) const {
    return make_error(Code::failed_precondition, "The master key " + std::string(id) +
                                                     ", under which this was sealed, is not in " + origin() +
                                                     ": put that key back" + (from_text() ? " and restart." : "."));
  }

  Status read() {
    std::vector<Named> fresh;
    if (from_text()) {
      LB_TRY(parsed, parse(source.text, source.text_origin));
      fresh = std::move(parsed);
    } else if (!source.file.empty()) {
      LB_TRY(text, credentials::read_key_file(source.file, source.writable));
      if (text) {
        auto parsed = parse(*text, origin());
        sodium_memzero(text->data(), text->size());
        if (!parsed) return parsed.error();
        fresh = std::move(parsed).value();
      }
    }
    const std::lock_guard lock(mutex);
    list = std::move(fresh);
    return Ok{};
  }

  // With the mutex held.
  Status write(bool fresh) const {
    if (from_text() || source.file.empty() || !source.writable) {
      return {Code::failed_precondition,
              "The master key comes from " + origin() +
                  ", which is not ours to write: change it there (new key first, "
                  "old key behind it), run `librebird secret rotate-key` once, then remove the old one."};
    }
    std::string text =
        "# Libre Bird's master key. Without it the secrets in the database are lost: keep a copy apart.\n";
    for (const Named& named : list) text += hex(named.keys->master.data(), kKeyBytes) + "\n";
    const Status written = credentials::write_key_file(source.file, text, fresh);
    sodium_memzero(text.data(), text.size());
    return written;
  }

  // With the mutex held.
  Result<std::string> put_new_first() {
    std::array<unsigned char, kKeyBytes> master{};
    crypto_kdf_keygen(master.data());
    Named named = derive(master.data());
    sodium_memzero(master.data(), master.size());
    if (!named.keys) return no_memory();
    std::string id = named.id;
    list.insert(list.begin(), std::move(named));
    return id;
  }
};

KeyRing::KeyRing(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KeyRing::~KeyRing() { sodium_memzero(impl_->source.text.data(), impl_->source.text.size()); }

Result<std::shared_ptr<KeyRing>> KeyRing::open(KeySource source) {
  if (sodium_init() < 0) return {Code::internal, "The cryptographic library does not start."};
  auto impl = std::make_unique<Impl>();
  impl->source = std::move(source);
  LB_CHECK(impl->read());
  return std::shared_ptr<KeyRing>(new KeyRing(std::move(impl)));
}

std::vector<std::string> KeyRing::ids() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<std::string> out;
  for (const Named& named : impl_->list) out.push_back(named.id);
  return out;
}

bool KeyRing::knows(std::string_view id) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->find(id) != nullptr;
}

std::string KeyRing::origin() const { return impl_->origin(); }

Status KeyRing::reload() { return impl_->read(); }

Status KeyRing::create() {
  {
    const std::lock_guard lock(impl_->mutex);
    if (!impl_->list.empty()) return Ok{};
    LB_CHECK(impl_->put_new_first());
    const Status written = impl_->write(true);
    if (written) return Ok{};
    impl_->list.clear();
    if (written.error().code != Code::already_exists) return written;
  }
  return reload();
}

Result<std::string> KeyRing::add() {
  const std::lock_guard lock(impl_->mutex);
  LB_TRY(id, impl_->put_new_first());
  if (const Status written = impl_->write(false); !written) {
    impl_->list.erase(impl_->list.begin());
    return written.error();
  }
  return id;
}

Status KeyRing::keep_only(std::string_view id) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->find(id) == nullptr) return impl_->unknown(id);
  if (impl_->list.size() == 1) return Ok{};
  std::erase_if(impl_->list, [id](const Named& named) { return named.id != id; });
  return impl_->write(false);
}

Result<std::string> KeyRing::seal(std::string_view id, std::string_view plain, std::string_view associated) const {
  const std::lock_guard lock(impl_->mutex);
  const Keys* keys = impl_->find(id);
  if (keys == nullptr) return impl_->unknown(id);
  std::string box(kNonceBytes + plain.size() + kTagBytes, '\0');
  randombytes_buf(box.data(), kNonceBytes);
  // The format and the key's id are bound as well.
  const std::string head = std::string(kFormat) + std::string(id) + ":";
  const std::string bound = head + std::string(associated);
  unsigned long long size = 0;
  crypto_aead_xchacha20poly1305_ietf_encrypt(bytes(box) + kNonceBytes, &size, bytes(plain), plain.size(), bytes(bound),
                                             bound.size(), nullptr, bytes(box), keys->secrets.data());
  std::string text(sodium_base64_encoded_len(box.size(), kBase64), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes(box), box.size(), kBase64);
  text.pop_back();
  return head + text;
}

std::string KeyRing::key_of(std::string_view sealed) {
  if (!sealed.starts_with(kFormat)) return {};
  sealed.remove_prefix(kFormat.size());
  const std::size_t colon = sealed.find(':');
  return colon == std::string_view::npos ? std::string() : std::string(sealed.substr(0, colon));
}

Result<std::string> KeyRing::unseal(std::string_view sealed, std::string_view associated) const {
  const auto damaged = [] {
    return make_error(Code::data_loss,
                      "A stored secret was altered or moved from its place: set it again, and find out who did it.");
  };
  const std::string id = key_of(sealed);
  if (id.empty()) return damaged();
  const std::lock_guard lock(impl_->mutex);
  const Keys* keys = impl_->find(id);
  if (keys == nullptr) return impl_->unknown(id);
  const std::size_t head = kFormat.size() + id.size() + 1;
  const std::string bound = std::string(sealed.substr(0, head)) + std::string(associated);
  const std::string_view text = sealed.substr(head);
  std::string box(text.size(), '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(bytes(box), box.size(), text.data(), text.size(), nullptr, &size, &end, kBase64) != 0 ||
      end != text.data() + text.size() || size < kNonceBytes + kTagBytes) {
    return damaged();
  }
  std::string plain(size - kNonceBytes - kTagBytes, '\0');
  unsigned long long plain_size = 0;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(bytes(plain), &plain_size, nullptr, bytes(box) + kNonceBytes,
                                                 size - kNonceBytes, bytes(bound), bound.size(), bytes(box),
                                                 keys->secrets.data()) != 0) {
    return damaged();
  }
  return plain;
}

Result<std::string> KeyRing::authenticate(std::string_view id, std::string_view text) const {
  const std::lock_guard lock(impl_->mutex);
  const Keys* keys = impl_->find(id);
  if (keys == nullptr) return impl_->unknown(id);
  std::array<unsigned char, crypto_auth_hmacsha256_BYTES> code{};
  crypto_auth_hmacsha256(code.data(), bytes(text), text.size(), keys->audit.data());
  return hex(code.data(), code.size());
}

bool KeyRing::is_authentic(std::string_view id, std::string_view text, std::string_view code) const {
  const auto made = authenticate(id, text);
  return made.ok() && made->size() == code.size() && sodium_memcmp(made->data(), code.data(), code.size()) == 0;
}

}  // namespace librebird
