using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Granary.Gateway.Tests.Abuse;

/// <summary>HTTP as bytes: a request is sent as it is, right or wrong, on a connection of its own.</summary>
internal static class RawHttp
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>How long a request that may be unfinished is waited for before its client says that nothing more will come.</summary>
    private static readonly TimeSpan MayBeUnfinished = TimeSpan.FromMilliseconds(250);

    public static async Task<Socket> ConnectAsync(int port, int receiveBuffer = 0)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (receiveBuffer > 0)
        {
            socket.ReceiveBufferSize = receiveBuffer;
        }

        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends a request, and waits for the end of the answer.</summary>
    /// <param name="isWhole">False: the server may rightly wait for more of it, and is told after a while that there is none.</param>
    public static async Task<RawAnswer> AskAsync(int port, ReadOnlyMemory<byte> request, bool isWhole = true)
    {
        using var socket = await ConnectAsync(port);
        try
        {
            await socket.SendAsync(request);
        }
        catch (SocketException)
        {
            // Refused before all of it was sent: the answer says why, if it has arrived.
        }

        return await ReadAsync(socket, isWhole);
    }

    /// <summary>Reads until the server closes, or an answer is complete whose connection stays open, or it is a stream of events.</summary>
    /// <param name="within">Null: half a minute.</param>
    public static async Task<RawAnswer> ReadAsync(Socket socket, bool isWhole = true, TimeSpan? within = null)
    {
        using var limit = new CancellationTokenSource(within ?? Limit);
        var (read, buffer, hasEnded) = (new MemoryStream(), new byte[16 * 1024], isWhole);
        while (true)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
            if (!hasEnded)
            {
                patience.CancelAfter(MayBeUnfinished);
            }

            try
            {
                var count = await socket.ReceiveAsync(buffer, patience.Token);
                read.Write(buffer, 0, count);
                if (count == 0 || RawAnswer.IsComplete(read.GetBuffer().AsSpan(0, (int)read.Length)))
                {
                    break;
                }
            }
            catch (SocketException)
            {
                // A reset ends the answer, too.
                break;
            }
            catch (OperationCanceledException) when (!limit.IsCancellationRequested)
            {
                socket.Shutdown(SocketShutdown.Send);
                hasEnded = true;
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"The server neither answered nor closed within {within ?? Limit}; so far: {Encoding.Latin1.GetString(read.ToArray())}");
            }
        }

        return RawAnswer.Of(read.ToArray());
    }
}

/// <summary>What a server has answered.</summary>
/// <param name="Status">0: it has closed the connection instead.</param>
/// <param name="Head">Status line and headers.</param>
/// <param name="Body">As it came, in chunks if there are any.</param>
internal sealed record RawAnswer(int Status, string Head, string Body)
{
    public static RawAnswer Of(ReadOnlySpan<byte> read)
    {
        var text = Encoding.UTF8.GetString(read);

        // What comes before the answer proper: 100 Continue.
        while (text.StartsWith("HTTP/1.1 1", StringComparison.Ordinal) && text.IndexOf("\r\n\r\n", StringComparison.Ordinal) is >= 0 and var next)
        {
            text = text[(next + 4)..];
        }

        if (text.Length == 0)
        {
            return new RawAnswer(0, "", "");
        }

        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var head = end < 0 ? text : text[..end];
        return new RawAnswer(int.Parse(head.AsSpan(9, 3), CultureInfo.InvariantCulture), head, end < 0 ? "" : text[(end + 4)..]);
    }

    /// <summary>More of it would be another answer, or never ends.</summary>
    public static bool IsComplete(ReadOnlySpan<byte> read)
    {
        var end = read.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return false;
        }

        var head = Encoding.Latin1.GetString(read[..end]);
        if (head.Contains("Content-Type: text/event-stream", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        const string Length = "Content-Length: ";
        return !head.Contains("Connection: close", StringComparison.OrdinalIgnoreCase)
            && (head.IndexOf(Length, StringComparison.OrdinalIgnoreCase) is >= 0 and var at
                ? read.Length - end - 4 >= int.Parse(head[(at + Length.Length)..].Split('\r')[0], CultureInfo.InvariantCulture)
                : read.EndsWith("0\r\n\r\n"u8));
    }
}
