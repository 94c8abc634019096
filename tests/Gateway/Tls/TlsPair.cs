using System.Net.Security;
using System.Net.Sockets;
using Granary.Gateway.Tests.Sockets;
using Granary.Gateway.Tls;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Tls;

/// <summary>A connection as the listener for TLS has it, and the client's end of it.</summary>
internal sealed class TlsPair : IAsyncDisposable
{
    private readonly TestCertificates _certificates;
    private readonly LoopbackPair _pair;

    private TlsPair(TestCertificates certificates, LoopbackPair pair, TlsTransport transport, SslStream client) =>
        (_certificates, _pair, Transport, Client) = (certificates, pair, transport, client);

    public TlsTransport Transport { get; }

    public TlsInput Input => (TlsInput)Transport.Input;

    public TlsOutput Output => (TlsOutput)Transport.Output;

    public SslStream Client { get; }

    public LoopbackPair Beneath => _pair;

    public static async Task<TlsPair> OpenAsync(int clientBuffer = 0)
    {
        var certificates = new TestCertificates();
        var pair = await LoopbackPair.OpenAsync(clientBuffer);
        var tls = new RenewedTls(certificates.Options, TimeProvider.System, NullLogger<RenewedTls>.Instance);
        var opening = TlsTransport.OpenAsync(pair.Connection, new TlsHandshake(tls).Options, CancellationToken.None);
        var client = new SslStream(new NetworkStream(pair.Client));
        await client.AuthenticateAsClientAsync(certificates.Client()).WaitAsync(LoopbackPair.Patience);
        return new TlsPair(certificates, pair, await opening.WaitAsync(LoopbackPair.Patience), client);
    }

    /// <summary>Reads as the client until <paramref name="length"/> octets have come or the stream has ended; how many were read.</summary>
    public async Task<long> ReadAsClientAsync(long length)
    {
        var buffer = new byte[64 * 1024];
        long position = 0;
        while (position < length)
        {
            var count = await Client.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, length - position))).AsTask().WaitAsync(LoopbackPair.Patience);
            if (count == 0)
            {
                break;
            }

            Assert.Equal(-1, LoopbackPair.FirstWrong(buffer.AsSpan(0, count), position));
            position += count;
        }

        return position;
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Transport.CloseAsync();
        await _pair.DisposeAsync();
        _certificates.Dispose();
    }
}
