using System.Security.Cryptography;
using System.Text;
using Granary.Testing.Wire;

namespace Granary.Differ.Tests.Walk;

/// <summary>Something that a broker has sent, or did: a method with its message, or the end of the connection.</summary>
internal sealed class Happening(WireFrame? frame, ushort channel)
{
    private readonly MemoryStream _body = new();
    private readonly List<string> _bodyFrames = [];
    private string _properties = "";
    private ulong _size;

    public ushort Channel => channel;

    /// <summary>The method and its fields, without delivery tags.</summary>
    public string Text { get; private set; } = "";

    public bool IsComplete { get; private set; } = true;

    /// <summary>Of a delivery, a message that was got, or a confirm.</summary>
    public ulong Tag { get; private set; }

    /// <summary>Of a confirm.</summary>
    public bool Multiple { get; private set; }

    /// <summary>The consumer's tag, of a delivery.</summary>
    public string? Consumer { get; private set; }

    public bool IsDelivery => Is(60, 60);

    public bool IsGot => Is(60, 71);

    public bool IsConfirm => Is(60, 80) || Is(60, 120);

    public bool IsEnd => frame is null;

    /// <summary>channel.close or connection.close.</summary>
    public WireClose? Close => frame is null ? null : WireClose.From(frame);

    public bool Is(ushort classId, ushort methodId) => frame is not null && frame.Is(classId, methodId);

    /// <summary>The end of the socket.</summary>
    /// <param name="wasTold">connection.close or its answer came before: when the end comes then is of no interest.</param>
    public static Happening End(bool wasTold) => new(null, 0) { Text = wasTold ? "" : "the end of the stream" };

    /// <summary>A frame of a message that no method announced, or of no known type.</summary>
    public static Happening Stray(WireFrame frame) => new(frame, frame.Channel) { Text = $"stray {frame}" };

    public static Happening Of(WireFrame frame)
    {
        var happening = new Happening(frame, frame.Channel);
        happening.Read(frame);
        return happening;
    }

    /// <summary>Takes a header or body frame.</summary>
    public void Add(WireFrame next)
    {
        if (next.Type == WireFrame.HeaderType)
        {
            (_size, var properties) = WireProperties.Read(next);
            _properties = Show(properties);
        }
        else
        {
            _body.Write(next.Payload);
            _bodyFrames.Add(next.Payload.Length.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }

        if ((ulong)_body.Length >= _size)
        {
            IsComplete = true;
            var body = _body.ToArray();
            var shown = body.Length <= 40 ? ValueText.Of(Encoding.Latin1.GetString(body)) : $"{string.Join('+', _bodyFrames)} bytes {Convert.ToHexString(SHA256.HashData(body))[..8]}";
            Text = $"{Text} {_properties} {shown}";
        }
    }

    public override string ToString() => IsDelivery || IsGot || IsConfirm ? $"{Text} tag={Tag}{(Multiple ? " multiple" : "")}" : Text;

    private void Read(WireFrame method)
    {
        var fields = method.Arguments();
        Text = (method.ClassId, method.MethodId) switch
        {
            (10, 50) or (20, 40) => WireClose.From(method) is { } close ? $"{close.Level}.close {close.Code} '{close.Text}' {close.ClassId}/{close.MethodId}" : "",
            (10, 51) => "connection.close-ok",
            (20, 11) => "channel.open-ok",
            (20, 20) => "channel.flow",
            (20, 21) => $"channel.flow-ok {fields.Octet()}",
            (20, 41) => "channel.close-ok",
            (30, 11) => $"access.request-ok {fields.Short()}",
            (40, 11) => "exchange.declare-ok",
            (40, 21) => "exchange.delete-ok",
            (40, 31) => "exchange.bind-ok",
            (40, 51) => "exchange.unbind-ok",
            (50, 11) => $"queue.declare-ok {fields.ShortString()} messages={fields.Long()} consumers={fields.Long()}",
            (50, 21) => "queue.bind-ok",
            (50, 31) => $"queue.purge-ok {fields.Long()}",
            (50, 41) => $"queue.delete-ok {fields.Long()}",
            (50, 51) => "queue.unbind-ok",
            (60, 11) => "basic.qos-ok",
            (60, 21) => $"basic.consume-ok {fields.ShortString()}",
            (60, 30) => $"basic.cancel {fields.ShortString()} {fields.Octet()}",
            (60, 31) => $"basic.cancel-ok {fields.ShortString()}",
            (60, 50) => $"basic.return {fields.Short()} '{fields.ShortString()}' '{fields.ShortString()}' '{fields.ShortString()}'",
            (60, 60) => ReadDelivery(fields),
            (60, 71) => ReadGot(fields),
            (60, 72) => $"basic.get-empty '{fields.ShortString()}'",
            (60, 80) or (60, 120) => ReadConfirm(method, fields),
            (60, 111) => "basic.recover-ok",
            (85, 11) => "confirm.select-ok",
            (90, 11) => "tx.select-ok",
            (90, 21) => "tx.commit-ok",
            (90, 31) => "tx.rollback-ok",
            _ => $"method {method.ClassId}/{method.MethodId} {Convert.ToHexString(method.Payload)}",
        };
        IsComplete = method.ClassId != 60 || method.MethodId is not (50 or 60 or 71);
    }

    private string ReadDelivery(WireReader fields)
    {
        Consumer = fields.ShortString();
        Tag = fields.LongLong();
        return $"basic.deliver {Consumer}{(fields.Octet() != 0 ? " redelivered" : "")} '{fields.ShortString()}' '{fields.ShortString()}'";
    }

    private string ReadGot(WireReader fields)
    {
        Tag = fields.LongLong();
        return $"basic.get-ok{(fields.Octet() != 0 ? " redelivered" : "")} '{fields.ShortString()}' '{fields.ShortString()}' messages={fields.Long()}";
    }

    private string ReadConfirm(WireFrame method, WireReader fields)
    {
        (Tag, Multiple) = (fields.LongLong(), (fields.Octet() & 1) != 0);
        return method.MethodId == 80 ? "confirm" : "refusal";
    }

    private static string Show(WireProperties properties)
    {
        var shown = new List<string>();
        Add("content-type", properties.ContentType);
        Add("content-encoding", properties.ContentEncoding);
        Add("headers", properties.Headers is not { Count: > 0 } ? null : WithoutTimes(properties.Headers));
        Add("delivery-mode", properties.DeliveryMode);
        Add("priority", properties.Priority);
        Add("correlation-id", properties.CorrelationId);
        Add("reply-to", properties.ReplyTo);
        Add("expiration", properties.Expiration);
        Add("message-id", properties.MessageId);
        Add("timestamp", properties.Timestamp);
        Add("type", properties.Type);
        Add("user-id", properties.UserId);
        Add("app-id", properties.AppId);
        Add("cluster-id", properties.ClusterId);
        return $"[{string.Join(' ', shown)}]";

        void Add(string name, object? value)
        {
            if (value is not null)
            {
                shown.Add($"{name}={ValueText.Of(value)}");
            }
        }
    }

    /// <summary>Headers by name, since RabbitMQ writes them in another order where it adds some; and deaths without their times.</summary>
    private static Fields WithoutTimes(IReadOnlyDictionary<string, object?> headers)
    {
        var shown = new Fields();
        foreach (var (name, value) in headers.OrderBy(header => header.Key, StringComparer.Ordinal))
        {
            shown[name] = name == "x-death" && value is List<object?> deaths
                ? deaths.Select(death => death is Dictionary<string, object?> table ? WithoutTime(table) : death).ToList()
                : value;
        }

        return shown;
    }

    private static Fields WithoutTime(Dictionary<string, object?> death) =>
        new(death.Where(field => field.Key != "time" || field.Value is not DateTimeOffset).OrderBy(field => field.Key, StringComparer.Ordinal));
}
