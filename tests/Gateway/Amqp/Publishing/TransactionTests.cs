using Granary.Amqp.Methods;
using Granary.Core.Links;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp.Publishing;

/// <summary>When a commit is answered.</summary>
public sealed class TransactionTests
{
    [Fact]
    public async Task Commit_WhileAnEarlierMandatoryMessageSettles_WaitsForItsOwnMessages()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.SendAsync([.. Frames.Publish(1, "first", [1], mandatory: true), .. Frames.Method(1, new TxSelect())]);
        await client.ExpectAsync(1, new TxSelectOk());
        var (first, second) = (new QueueEnd(client, "first"), new QueueEnd(client, "second"));
        var earlier = await first.NextAsync();
        await client.SendAsync([.. Frames.Publish(1, "second", [2]), .. Frames.Method(1, new TxCommit())]);
        var own = await second.NextAsync();

        // Accepted, not yet durable: only the watermark says so, and only for the earlier one.
        second.Answer(own, watermark: 0, new OpenedItem(default), new PublishedItem(0, null));
        first.Answer(earlier, watermark: 1, new OpenedItem(default), new PublishedItem(0, null));
        await Task.Yield();
        client.ExpectNothing();

        second.Push(own, watermark: 1);
        await client.ExpectAsync(1, new TxCommitOk());
    }

    [Fact]
    public async Task Commit_OfMessagesThatCameOneByOne_PublishesThemAsOneBatch()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.SendAsync(Frames.Method(1, new TxSelect()));
        await client.ExpectAsync(1, new TxSelectOk());
        for (byte i = 0; i < 3; i++)
        {
            await client.SendAsync(Frames.Publish(1, "q", [i]));
            await client.SendAsync(Frames.Method(1, new BasicQos(0, i, false)));
            await client.ExpectAsync(1, new BasicQosOk());
        }

        await client.SendAsync([.. Frames.Publish(1, "q", [3], mandatory: true), .. Frames.Method(1, new TxCommit())]);
        var packet = await new QueueEnd(client, "q").NextAsync();
        Assert.Equal([3, 1], packet.Up.Items.OfType<PublishItem>().Select(static item => item.Batch.Count));
    }
}
