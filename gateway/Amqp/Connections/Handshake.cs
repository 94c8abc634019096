using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp.Ends;
using Granary.Gateway.Tls;

namespace Granary.Gateway.Amqp.Connections;

/// <summary>
/// From the protocol header to connection.open-ok (section 2.2.4). A connection exists only once this has succeeded; until then nothing but
/// this object reads or writes.
/// </summary>
/// <param name="tls">What was agreed on with the client; null: the connection is not encrypted.</param>
internal sealed class Handshake(
    IDuplexPipe transport, IPEndPoint? peer, AmqpOptions options, Logins logins, ClientCounts clients, TimeProvider clock, ConnectionEnds ends, TlsSession? tls = null)
{
    // EXTERNAL also to who has shown no certificate: being refused says more than that there is no such mechanism. And ANONYMOUS where somebody is who has no name, as in RabbitMQ.
    private readonly string[] _mechanisms =
    [
        .. logins.Options.Mechanisms.Where(mechanism => mechanism switch
        {
            AuthenticationOptions.External => tls is not null,
            AuthenticationOptions.Anonymous => logins.Options.AnonymousUser is not null,
            _ => true,
        }),
    ];

    // Why it ends if it does not succeed, unless something fails.
    private ConnectionEnd _end = ConnectionEnd.GoneBeforeOpen;
    private string _detail = "";
    private string _user = "";

    /// <summary>Null when the client did not get in; it has been told, or its socket is to be closed without a word.</summary>
    public async ValueTask<ConnectionTerms?> RunAsync(CancellationToken aborted)
    {
        using var timeout = new CancellationTokenSource(options.HandshakeTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(aborted, timeout.Token);
        try
        {
            if (await NegotiateAsync(either.Token).ConfigureAwait(false) is { } terms)
            {
                return terms;
            }

            ends.Add(_end, peer, _detail);
        }
        catch (AmqpException error)
        {
            ends.Add(ConnectionEnd.HandshakeRefused, peer, error.Text);
            await CloseAsync(error).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            ends.Add(ConnectionEnd.HandshakeTimeout, peer, $"{options.HandshakeTimeout}");
        }
        catch (Exception exception) when (exception is IOException || (exception is OperationCanceledException && aborted.IsCancellationRequested))
        {
            ends.Add(_end, peer, _detail);
        }
        catch (TimeoutException exception)
        {
            ends.Add(ConnectionEnd.HandshakeTimeout, peer, exception.Message);
        }
        catch (Exception exception)
        {
            ends.Add(ConnectionEnd.InternalError, peer, exception: exception);
        }

        return null;
    }

    private async ValueTask<ConnectionTerms?> NegotiateAsync(CancellationToken cancellation)
    {
        if (!await ReadHeaderAsync(cancellation).ConfigureAwait(false))
        {
            return null;
        }

        await SendAsync(new ConnectionStart(0, 9, ServerProperties.Of(options), string.Join(' ', _mechanisms), "en_US"), cancellation).ConfigureAwait(false);
        if (await ReadAsync(MethodId.ConnectionStartOk, cancellation).ConfigureAwait(false) is not { } startOkFields)
        {
            return null;
        }

        var startOk = MethodFrame.Read<ConnectionStartOk>(startOkFields);
        var capabilities = CapabilitiesOf(startOk.ClientProperties);
        var login = logins.Attempts.Count(LoginProtocol.Amqp, await AuthenticateAsync(startOk, cancellation).ConfigureAwait(false));
        if (login is null)
        {
            await RefuseLoginAsync(startOk.Mechanism, capabilities, cancellation).ConfigureAwait(false);
            return null;
        }

        await SendAsync(new ConnectionTune(options.ChannelMax, (uint)options.FrameMax, (ushort)options.Heartbeat.TotalSeconds), cancellation)
            .ConfigureAwait(false);
        if (await ReadAsync(MethodId.ConnectionTuneOk, cancellation).ConfigureAwait(false) is not { } tuneOkFields)
        {
            return null;
        }

        var tuneOk = MethodFrame.Read<ConnectionTuneOk>(tuneOkFields);
        var frameMax = Negotiated("frame_max", tuneOk.FrameMax, (uint)options.FrameMin, (uint)options.FrameMax);
        var channelMax = Negotiated("channel_max", tuneOk.ChannelMax, 1, options.ChannelMax);
        if (await ReadAsync(MethodId.ConnectionOpen, cancellation).ConfigureAwait(false) is not { } openFields)
        {
            return null;
        }

        var vhost = MethodFrame.Read<ConnectionOpen>(openFields).VirtualHost;
        await EnterAsync(login, vhost, cancellation).ConfigureAwait(false);
        return new ConnectionTerms(login.User.Name, vhost, (ushort)channelMax, (int)frameMax, TimeSpan.FromSeconds(tuneOk.Heartbeat), capabilities)
        {
            Mechanism = startOk.Mechanism,
            Login = login,
            ClientProperties = EncodedTable.From(startOk.ClientProperties),
        };
    }

    /// <summary>From here on the connection counts for limits: whoever ends it takes it off again.</summary>
    private async ValueTask EnterAsync(Login login, string vhost, CancellationToken cancellation)
    {
        var user = login.User.Name;
        var rights = await login.Access.FindAsync(user, vhost, cancellation).ConfigureAwait(false);
        clients.Enter(user, vhost);
        var isOpen = false;
        try
        {
            var refusal = rights.VhostIsThere ? await clients.CheckAsync(rights, cancellation).ConfigureAwait(false) : null;
            if ((refusal ?? rights.CheckEntry()) is { } error)
            {
                throw new AmqpConnectionException(error.Code, error.Explanation, MethodId.ConnectionOpen);
            }

            await SendAsync(new ConnectionOpenOk(), cancellation).ConfigureAwait(false);
            isOpen = true;
        }
        finally
        {
            if (!isOpen)
            {
                clients.Leave(user, vhost);
            }
        }
    }

    private async ValueTask<bool> ReadHeaderAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var read = await transport.Input.ReadAsync(cancellation).ConfigureAwait(false);
            var match = Match(read.Buffer);
            if (match == ProtocolHeaderMatch.Accepted)
            {
                transport.Input.AdvanceTo(read.Buffer.GetPosition(ProtocolHeader.Size));
                return true;
            }

            if (match == ProtocolHeaderMatch.Other)
            {
                (_end, _detail) = (ConnectionEnd.OtherProtocol, Describe(read.Buffer));
                transport.Input.AdvanceTo(read.Buffer.End);
                transport.Output.Write(ProtocolHeader.Amqp091);
                await transport.Output.FlushAsync(cancellation).ConfigureAwait(false);
                return false;
            }

            transport.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted)
            {
                return false;
            }
        }
    }

    private static ProtocolHeaderMatch Match(in ReadOnlySequence<byte> buffer)
    {
        Span<byte> start = stackalloc byte[(int)Math.Min(ProtocolHeader.Size, buffer.Length)];
        buffer.Slice(0, start.Length).CopyTo(start);
        return ProtocolHeader.Match(start);
    }

    // Operators recognise an HTTP request or a TLS hello on the wrong port by this.
    private static string Describe(in ReadOnlySequence<byte> buffer)
    {
        var first = buffer.FirstSpan;
        return first.StartsWith("GET "u8) || first.StartsWith("POST "u8) ? "an HTTP request"
            : first.Length > 1 && first[0] == 0x16 && first[1] == 3 ? "a TLS hello"
            : Convert.ToHexString(first[..Math.Min(first.Length, ProtocolHeader.Size)]);
    }

    // The fields of the next method on channel 0, which must be the expected one; null when the client is gone.
    private async ValueTask<byte[]?> ReadAsync(uint expected, CancellationToken cancellation)
    {
        while (true)
        {
            var read = await transport.Input.ReadAsync(cancellation).ConfigureAwait(false);
            var buffer = read.Buffer;
            byte[]? fields = null;
            bool taken = false, hasClosed = false;
            try
            {
                taken = TryTake(ref buffer, expected, out fields, out hasClosed);
            }
            finally
            {
                transport.Input.AdvanceTo(buffer.Start, taken ? buffer.Start : buffer.End);
            }

            if (fields is not null)
            {
                return fields;
            }

            if (hasClosed)
            {
                await transport.Output.FlushAsync(cancellation).ConfigureAwait(false);
                return null;
            }

            if (read.IsCompleted && !taken)
            {
                return null;
            }
        }
    }

    private bool TryTake(ref ReadOnlySequence<byte> buffer, uint expected, out byte[]? fields, out bool hasClosed)
    {
        (fields, hasClosed) = (null, false);
        var bytes = buffer.IsSingleSegment ? buffer.FirstSpan : buffer.ToArray();
        if (!FrameReader.TryRead(bytes, options.InitialFrameMax, out var type, out var channel, out var payload, out var consumed))
        {
            return false;
        }

        buffer = buffer.Slice(consumed);
        if (type == FrameType.Heartbeat)
        {
            return true;
        }

        if (type != FrameType.Method || channel != 0)
        {
            throw new AmqpConnectionException(ReplyCode.UnexpectedFrame, $"unexpected frame of type {(int)type} on channel {channel} while connecting");
        }

        var id = MethodFrame.ReadId(payload, out var rest);
        if (id == MethodId.ConnectionClose)
        {
            MethodFrame.Write(transport.Output, 0, new ConnectionCloseOk());
            _end = ConnectionEnd.ClosedByClient;
            hasClosed = true;
            return true;
        }

        if (id != expected)
        {
            throw new AmqpConnectionException(ReplyCode.ChannelError, $"unexpected method in connection state {StateBefore(expected)}", id);
        }

        fields = rest.ToArray();
        return true;
    }

    // As rabbit_reader calls them.
    private static string StateBefore(uint method) => method switch
    {
        MethodId.ConnectionStartOk => "starting",
        MethodId.ConnectionTuneOk => "tuning",
        _ => "opening",
    };

    private async ValueTask<Login?> AuthenticateAsync(ConnectionStartOk startOk, CancellationToken cancellation)
    {
        if (!_mechanisms.Contains(startOk.Mechanism))
        {
            throw new AmqpConnectionException(ReplyCode.CommandInvalid, $"unknown authentication mechanism '{startOk.Mechanism}'", MethodId.ConnectionStartOk);
        }

        if (startOk.Mechanism == AuthenticationOptions.External)
        {
            if (tls?.Client is not { } certificate)
            {
                _user = "";
                return null;
            }

            _user = logins.UserOf(certificate) ?? "";
            return await logins.ByCertificateAsync(certificate, peer?.Address, cancellation).ConfigureAwait(false);
        }

        if (startOk.Mechanism == AuthenticationOptions.Anonymous)
        {
            // Whatever the response says: RFC 4505 has a trace in it, for logs alone.
            _user = logins.Options.AnonymousUser!;
            return await logins.ByPasswordAsync(_user, Encoding.UTF8.GetBytes(logins.Options.AnonymousPassword), peer?.Address, cancellation).ConfigureAwait(false);
        }

        var credentials = startOk.Mechanism == AuthenticationOptions.Plain ? SaslResponse.ReadPlain(startOk.Response.Span) : SaslResponse.ReadAmqPlain(startOk.Response.Span);
        _user = credentials.User;
        return await logins.ByPasswordAsync(credentials.User, credentials.Password, peer?.Address, cancellation).ConfigureAwait(false);
    }

    private async ValueTask RefuseLoginAsync(string mechanism, ClientCapabilities capabilities, CancellationToken cancellation)
    {
        (_end, _detail) = (ConnectionEnd.LoginRefused, $"user '{_user}', mechanism {mechanism}");
        if (capabilities.AuthenticationFailureClose)
        {
            await CloseAsync(new AmqpConnectionException(
                ReplyCode.AccessRefused,
                $"Login was refused using authentication mechanism {mechanism}. For details see the broker logfile.")).ConfigureAwait(false);
            return;
        }

        await Task.Delay(options.RefusedLoginDelay, clock, cancellation).ConfigureAwait(false);
    }

    private async ValueTask CloseAsync(AmqpException exception)
    {
        MethodFrame.Write(transport.Output, 0, new ConnectionClose(exception.ReplyCode, exception.Text, exception.ClassId, exception.MethodId));
        await transport.Output.FlushAsync().ConfigureAwait(false);
    }

    private async ValueTask SendAsync<T>(T method, CancellationToken cancellation)
        where T : struct, IMethod
    {
        MethodFrame.Write(transport.Output, 0, method);
        await transport.Output.FlushAsync(cancellation).ConfigureAwait(false);
    }

    // 0 asks for no limit, which is more than the broker allows (rabbit_reader:validate_negotiated_integer_value).
    private static uint Negotiated(string name, uint asked, uint minimum, uint maximum)
    {
        if (asked != 0 && asked < minimum)
        {
            throw Refused(name, asked, "lower than the minimum", minimum);
        }

        return asked == 0 || asked > maximum ? throw Refused(name, asked, "higher than the maximum", maximum) : asked;
    }

    private static AmqpConnectionException Refused(string name, uint asked, string how, uint bound) =>
        new(ReplyCode.NotAllowed, $"negotiated {name} = {asked} is {how} allowed value ({bound})", MethodId.ConnectionTuneOk);

    private static ClientCapabilities CapabilitiesOf(FieldTable properties)
    {
        var table = properties.TryGetValue("capabilities", out var value) && value.TryGetTable(out var found) ? found : FieldTable.Empty;
        return new ClientCapabilities(Has("consumer_cancel_notify"), Has("connection.blocked"), Has("authentication_failure_close"));

        bool Has(string name) => table.TryGetValue(name, out var flag) && flag.TryGetBoolean(out var set) && set;
    }
}
