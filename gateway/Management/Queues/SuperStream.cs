using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Topology;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Topology;

namespace Granary.Gateway.Management.Queues;

/// <summary>
/// A super stream that is to be made: a direct exchange and the streams, its partitions, that are bound to it, with the names, keys and arguments that RabbitMQ gives
/// them (rabbit_stream_manager). Publishers choose a partition by its key.
/// </summary>
internal sealed class SuperStream
{
    private const int MostPartitions = 1_000;

    private static readonly ExchangeDeclaration Exchange =
        new("direct", Durable: true, AutoDelete: false, Internal: false, EncodedTable.From(FieldTable.Of(("x-super-stream", true))));

    // By which name each may be asked for, and whether it is a number.
    private static readonly (string Name, bool IsNumber)[] Known =
    [
        ("max-length-bytes", true), ("max-age", false), ("stream-max-segment-size-bytes", true), ("initial-cluster-size", true), ("queue-leader-locator", false),
        ("stream-filter-size-bytes", true),
    ];

    private readonly string _name;
    private readonly (string Stream, string Key)[] _partitions;
    private readonly EncodedTable _arguments;

    private SuperStream(string name, string[] keys, EncodedTable arguments)
    {
        _name = name;
        _partitions = [.. keys.Select(key => ($"{name}-{key}", key))];
        _arguments = arguments;
    }

    /// <exception cref="ApiException">400: what is asked for cannot be meant.</exception>
    public static SuperStream From(string name, SuperStreamRequest asked)
    {
        ShortName.Check("exchange", name);
        var stream = new SuperStream(name, KeysOf(asked), ArgumentsOf(asked.Arguments));
        if (stream._partitions.DistinctBy(static partition => partition.Stream).Count() < stream._partitions.Length)
        {
            throw ApiException.BadRequest("Duplicate partition names found");
        }

        foreach (var (partition, key) in stream._partitions)
        {
            ShortName.Check("queue", partition);
            ShortName.Check("routing_key", key);
        }

        return stream;
    }

    /// <summary>Makes all of it, or nothing; what was made stays only if a part of the cluster is out of reach meanwhile.</summary>
    /// <exception cref="ApiException">It is not made: 400: a part of it is there already, or cannot be; 401: the user may not make it.</exception>
    public async Task MakeAsync(TopologyCalls topology)
    {
        RequireMissing(await topology.CheckExchangeAsync(_name).ConfigureAwait(false), $"there is already an exchange named {_name}");
        foreach (var (stream, _) in _partitions)
        {
            RequireMissing((await topology.DescribeQueueAsync(stream).ConfigureAwait(false)).Error, $"there is already a queue named {stream}");
        }

        ApiException.ThrowIf(await topology.DeclareExchangeAsync(_name, Exchange).ConfigureAwait(false));
        if (await MakePartitionsAsync(topology).ConfigureAwait(false) is { } error)
        {
            await TakeBackAsync(topology).ConfigureAwait(false);
            throw ApiException.Of(error);
        }
    }

    private async Task<BrokerError?> MakePartitionsAsync(TopologyCalls topology)
    {
        foreach (var (stream, _) in _partitions)
        {
            var (_, made) = await topology.DeclareQueueAsync(stream, durable: true, isExclusive: false, autoDelete: false, _arguments).ConfigureAwait(false);
            if (made.Error is { } error)
            {
                return error;
            }
        }

        for (var i = 0; i < _partitions.Length; i++)
        {
            var order = EncodedTable.From(FieldTable.Of(("x-stream-partition-order", (long)i)));
            if (await topology.BindQueueAsync(_partitions[i].Stream, _name, _partitions[i].Key, order).ConfigureAwait(false) is { } error)
            {
                return error;
            }
        }

        return null;
    }

    private async Task TakeBackAsync(TopologyCalls topology)
    {
        await topology.DeleteExchangeAsync(_name, ifUnused: false).ConfigureAwait(false);
        foreach (var (stream, _) in _partitions)
        {
            // Somebody else may have declared one of them just now, and use it.
            if (await topology.DescribeQueueAsync(stream).ConfigureAwait(false) is { Error: null, Messages: 0, Consumers: 0 })
            {
                await topology.DeleteQueueAsync(stream, ifUnused: true, ifEmpty: true).ConfigureAwait(false);
            }
        }
    }

    private static void RequireMissing(BrokerError? answer, string isThere)
    {
        if (answer is not { SaysMissing: true })
        {
            throw answer is null ? ApiException.BadRequest(isThere) : ApiException.Of(answer);
        }
    }

    private static string[] KeysOf(SuperStreamRequest asked)
    {
        if (asked.Partitions is { ValueKind: not JsonValueKind.Null } partitions)
        {
            return asked.BindingKeys is not null ? throw ApiException.BadRequest("Specify partitions or binding keys, not both")
                : Number(partitions) is not { } count ? throw ApiException.BadRequest("The partitions must be a number")
                : count < 1 ? throw ApiException.BadRequest("The partition number must be greater than 0")
                : count > MostPartitions ? throw ApiException.BadRequest($"The partition number must not exceed {MostPartitions}")
                : [.. Enumerable.Range(0, (int)count).Select(static number => number.ToString(CultureInfo.InvariantCulture))];
        }

        var keys = (asked.BindingKeys ?? throw ApiException.BadRequest("Must specify partitions or binding keys"))
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return keys.Length == 0 ? throw ApiException.BadRequest("The number of binding keys must be greater than 0")
            : keys.Length > MostPartitions ? throw ApiException.BadRequest($"The number of binding keys must not exceed {MostPartitions}")
            : keys;
    }

    private static EncodedTable ArgumentsOf(Dictionary<string, JsonElement>? asked)
    {
        List<KeyValuePair<string, FieldValue>> arguments = [KeyValuePair.Create("x-queue-type", (FieldValue)"stream")];
        foreach (var (given, value) in asked ?? [])
        {
            var (name, isNumber) = Known.FirstOrDefault(known => known.Name == given);
            if (name is null)
            {
                throw ApiException.BadRequest($"'{given}' is no argument of a super stream: {string.Join(", ", Known.Select(static known => known.Name))} are");
            }

            arguments.Add(KeyValuePair.Create(
                $"x-{name}",
                isNumber ? Number(value) ?? throw ApiException.BadRequest($"{name} must be a number")
                : value.ValueKind == JsonValueKind.String ? (FieldValue)value.GetString()!
                : throw ApiException.BadRequest($"{name} must be a text")));
        }

        if (asked?.ContainsKey("queue-leader-locator") != true)
        {
            arguments.Add(KeyValuePair.Create("x-queue-leader-locator", (FieldValue)"balanced"));
        }

        return EncodedTable.From(new FieldTable(arguments));
    }

    // RabbitMQ's page sends numbers as texts.
    private static long? Number(JsonElement value) =>
        value.ValueKind is JsonValueKind.Number or JsonValueKind.String
        && long.TryParse(value.ToString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}

/// <summary>What PUT says of a super stream.</summary>
internal sealed record SuperStreamRequest
{
    /// <summary>How many: a number, or one as a text.</summary>
    public JsonElement? Partitions { get; set; }

    /// <summary>The partitions' keys, with commas between them.</summary>
    [JsonPropertyName("binding-keys")]
    public string? BindingKeys { get; set; }

    public Dictionary<string, JsonElement>? Arguments { get; set; }
}
