using System.Text;
using Granary.Amqp;

namespace Granary.Gateway.Amqp.Connections;

/// <summary>Credentials as SASL mechanisms carry them.</summary>
internal readonly struct SaslResponse
{
    public string User { get; private init; }

    public ReadOnlyMemory<byte> Password { get; private init; }

    /// <summary>PLAIN (RFC 4616): authorization identity, user, password, separated by zero response.</summary>
    public static SaslResponse ReadPlain(ReadOnlySpan<byte> response)
    {
        var first = response.IndexOf((byte)0);
        var second = first < 0 ? -1 : response[(first + 1)..].IndexOf((byte)0);
        return second < 0
            ? throw Malformed("PLAIN")
            : new SaslResponse { User = Encoding.UTF8.GetString(response.Slice(first + 1, second)), Password = response[(first + second + 2)..].ToArray() };
    }

    /// <summary>AMQPLAIN: a field table without its length, with LOGIN and PASSWORD.</summary>
    public static SaslResponse ReadAmqPlain(ReadOnlySpan<byte> response)
    {
        var table = FieldTable.Decode(response, MethodId.ConnectionStartOk);
        return table.TryGetValue("LOGIN", out var user) && user.TryGetBytes(out var userBytes)
            && table.TryGetValue("PASSWORD", out var password) && password.TryGetBytes(out var passwordBytes)
                ? new SaslResponse { User = Encoding.UTF8.GetString(userBytes.Span), Password = passwordBytes }
                : throw Malformed("AMQPLAIN");
    }

    private static AmqpConnectionException Malformed(string mechanism) =>
        new(ReplyCode.SyntaxError, $"response of authentication mechanism {mechanism} is malformed", MethodId.ConnectionStartOk);
}
