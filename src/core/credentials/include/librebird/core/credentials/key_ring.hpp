#pragma once

// The master key, and everything it seals: secrets (XChaCha20-Poly1305, libsodium) and the ends of audit chains
// (HMAC-SHA-256), each under a key of its own derived from it. A key is named by its id, a hash that tells nothing
// about it; there is more than one only while `librebird secret rotate-key` is at work.
//
// It comes from the text of an environment variable, or from a file: the one systemd hands over
// ($CREDENTIALS_DIRECTORY/master.key) or data_dir/master.key, which is made at the first start, readable by this user
// only. Text form: 64 hex digits a key; spaces, commas and lines between keys; '#' begins a comment.
// Thread-safe. Keys are kept in locked memory that core dumps leave out.

#include <librebird/base/result.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

struct KeySource {
  std::string text;         // goes before the file
  std::string text_origin;  // what to call it in errors: "LIBREBIRD_MASTER_KEY"
  std::string file;
  bool writable = true;     // whether the file is ours to make and to rewrite
};

class KeyRing {
 public:
  // No key is no error yet (see create()). Errors: failed_precondition (malformed, unreadable, readable by others).
  static Result<std::shared_ptr<KeyRing>> open(KeySource source);
  ~KeyRing();
  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;

  // Ids in the order of the source; the first is the newest.
  [[nodiscard]] std::vector<std::string> ids() const;
  [[nodiscard]] bool knows(std::string_view id) const;
  // Where it comes from, for errors: "the file /x/master.key".
  [[nodiscard]] std::string origin() const;

  // Makes the file with a first key; if another process was quicker, takes that one's. failed_precondition: the
  // source is not a file of ours.
  Status create();
  // Reads the source again: another process may have changed the key.
  Status reload();
  // Puts a new key before the others and writes the file. Answers its id.
  Result<std::string> add();
  // Forgets all keys but this one and writes the file.
  Status keep_only(std::string_view id);

  // Text for a column. `associated` must be the same when it is opened: it ties the sealed text to its place.
  Result<std::string> seal(std::string_view id, std::string_view plain, std::string_view associated) const;
  // data_loss: altered, or moved to another place. failed_precondition: sealed under a key that is not here.
  Result<std::string> unseal(std::string_view sealed, std::string_view associated) const;
  // The id of the key it was sealed under; empty: not what seal() makes.
  [[nodiscard]] static std::string key_of(std::string_view sealed);

  // 64 hex digits.
  Result<std::string> authenticate(std::string_view id, std::string_view text) const;
  [[nodiscard]] bool is_authentic(std::string_view id, std::string_view text, std::string_view code) const;

 private:
  struct Impl;
  explicit KeyRing(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace librebird
