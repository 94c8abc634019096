using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Memory;
using Granary.Silo.Streams;
using Granary.Silo.Tests.Queues;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Streams;

/// <summary>A stream in a slot, with the store that goes on when its activation is lost.</summary>
internal sealed class TestStream : IAsyncDisposable
{
    private readonly GroupCommit _commit;
    private readonly QueueStores _stores;

    /// <param name="memory">How many bytes a stream may keep in memory, four times.</param>
    public TestStream(long memory = long.MaxValue, params (string Name, FieldValue Value)[] arguments)
    {
        _commit = new GroupCommit(new MemoryStore(), NullLogger<GroupCommit>.Instance, _ => { });
        _stores = new QueueStores(_commit, null, new MemoryBudget(memory, long.MaxValue));
        Gateway = new TestGateway(_stores) { Now = 1_000_000 };
        Gateway.Declare(durable: true, arguments: EncodedTable.From(FieldTable.Of([("x-queue-type", "stream"), .. arguments])));
    }

    public TestGateway Gateway { get; private set; }

    public StreamQueue Stream => Gateway.Slot.Stream!;

    /// <summary>Whoever holds it keeps the store from writing.</summary>
    public object Gate => _commit.Gate;

    public async ValueTask DisposeAsync() => await _commit.DisposeAsync();

    /// <summary>The activation is lost, and another one goes on.</summary>
    public async Task RestartAsync()
    {
        var (definition, incarnation) = (QueueDefinition.Stored("/", "q", Stream.Definition.ToDeclaration()), Stream.Incarnation);
        List<StreamSegment> segments = [];
        foreach (var (segment, isGone) in Segments())
        {
            segments.RemoveAll(other => other.First == segment.First);
            if (!isGone)
            {
                segments.Add(segment);
            }
        }

        await Stream.Storage!.Journal.FlushAsync();
        var storage = await _stores.TakeOverAsync(new QueueIdentity("%2F/q", incarnation) { IsStream = true }, TestGateway.Epoch, default);
        Gateway = new TestGateway(_stores) { Now = Gateway.Now };
        Gateway.Slot.Restore(definition, incarnation, [], storage, Gateway.Now, [], Gateway.Now);
        Stream.RestoreSegments(segments);
        Gateway.Pump();
    }

    /// <summary>What the store would have been told of segments.</summary>
    private (StreamSegment Segment, bool IsGone)[] Segments()
    {
        _saved.AddRange(Stream.TakeSegmentChanges());
        return [.. _saved];
    }

    private readonly List<(StreamSegment Segment, bool IsGone)> _saved = [];

    public static AttachItem Consumer(int number, FieldValue? from = null, int prefetch = 1_000, long position = 0, params (string Name, FieldValue Value)[] arguments) => new(
        number, $"tag-{number}", false, false, prefetch, false,
        EncodedTable.From(FieldTable.Of([.. arguments, .. from is { } start ? [("x-stream-offset", start)] : Array.Empty<(string, FieldValue)>()])),
        new Window(1_000_000, 1L << 40), Position: position);

    /// <summary>The messages that a consumer was given, by the offset in their header, and their bodies' numbers.</summary>
    public static (long Offset, long Id)[] Given(TestLink link, int consumer)
    {
        List<(long, long)> given = [];
        foreach (var slice in link.Items.OfType<DeliveryItem>().Where(item => item.Consumer == consumer).SelectMany(item => item.Slices))
        {
            var ids = Batches.Ids(slice);
            var records = slice.Batch.Records.Span;
            for (var i = 0; i < ids.Length; i++)
            {
                var record = new MessageRecord(records);
                Assert.True(BasicPropertiesView.Read(record.Properties).TryGetHeaders(out var headers));
                Assert.True(FieldTable.Decode(headers).TryGetValue("x-stream-offset", out var value) && value.TryGetInteger(out var offset) && offset == StreamOffsets.OffsetOf(slice.FirstOffset + i));
                Assert.Equal(consumer, StreamOffsets.ConsumerOf(slice.FirstOffset + i));
                Assert.False(slice.Redelivered);
                given.Add((StreamOffsets.OffsetOf(slice.FirstOffset + i), ids[i]));
                records = records[record.Length..];
            }
        }

        return [.. given];
    }

    public static (long Offset, long Id)[] Numbered(long first, long end) => [.. Enumerable.Range((int)first, (int)(end - first)).Select(number => ((long)number, (long)number))];
}
