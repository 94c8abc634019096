using System.Net;
using System.Net.Sockets;
using Granary.Gateway.Sockets;

namespace Granary.Gateway.Tests.Sockets;

/// <summary>A connection as the listener accepts it, and the client's end of it.</summary>
internal sealed class LoopbackPair : IAsyncDisposable
{
    private LoopbackPair(DirectConnection connection, Socket client)
    {
        Connection = connection;
        Client = client;
    }

    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(20);

    public static EventLoops Loops { get; } = new(store: null);

    public DirectConnection Connection { get; }

    public Socket Client { get; }

    public SocketInput Input => (SocketInput)Connection.Input;

    public SocketOutput Output => (SocketOutput)Connection.Output;

    /// <param name="clientBuffer">What the client's kernel keeps for it, in octets; 0 leaves that to the kernel.</param>
    public static async Task<LoopbackPair> OpenAsync(int clientBuffer = 0)
    {
        await using var listener = new DirectListener(new IPEndPoint(IPAddress.Loopback, 0), Loops);
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (clientBuffer > 0)
        {
            client.ReceiveBufferSize = clientBuffer;
        }

        var accepting = listener.AcceptAsync();
        await client.ConnectAsync(listener.EndPoint);
        return new LoopbackPair((DirectConnection)(await accepting)!, client);
    }

    /// <summary>The octet at a place of a stream: no two near places are mistaken for each other.</summary>
    public static byte OctetAt(long position) => (byte)((position * 167) ^ (position >> 8) ^ (position >> 16));

    public static void Fill(Span<byte> span, long position)
    {
        for (var i = 0; i < span.Length; i++)
        {
            span[i] = OctetAt(position + i);
        }
    }

    /// <summary>Where octets first differ from those that belong there; -1 when they do not.</summary>
    public static long FirstWrong(ReadOnlySpan<byte> span, long position)
    {
        for (var i = 0; i < span.Length; i++)
        {
            if (span[i] != OctetAt(position + i))
            {
                return position + i;
            }
        }

        return -1;
    }

    /// <summary>Reads as the client until <paramref name="length"/> octets have come or the stream has ended; how many were read.</summary>
    public async Task<long> ReadAsClientAsync(long length, int atATime = 64 * 1024)
    {
        var buffer = new byte[atATime];
        long position = 0;
        while (position < length)
        {
            var count = await Client.ReceiveAsync(buffer.AsMemory(0, (int)Math.Min(atATime, length - position))).AsTask().WaitAsync(Patience);
            if (count == 0)
            {
                break;
            }

            Assert.Equal(-1, FirstWrong(buffer.AsSpan(0, count), position));
            position += count;
        }

        return position;
    }

    /// <summary>The client goes without a word.</summary>
    public void Vanish()
    {
        Client.LingerState = new LingerOption(true, 0);
        Client.Close();
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Connection.DisposeAsync();
    }
}
