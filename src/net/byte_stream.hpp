#pragma once

// A plain TCP connection as the port's ByteStream. Loop only; its user sets the deadlines and closes it.

#include "client_connection.hpp"

#include <librebird/core/ports/http_client.hpp>

namespace librebird::net {

std::unique_ptr<ByteStream> make_byte_stream(ClientConnection::Socket socket);

}  // namespace librebird::net
