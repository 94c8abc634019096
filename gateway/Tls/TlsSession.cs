using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Granary.Gateway.Tls;

/// <summary>What was agreed on with a client. A feature of its connection.</summary>
/// <param name="Client">The certificate that the client has shown, signed by a CA that is trusted; null: none.</param>
internal sealed record TlsSession(SslProtocols Version, TlsCipherSuite Cipher, X509Certificate2? Client);
