using Granary.Core.Grains;

namespace Granary.Silo.Tests.Queues;

public sealed class QueueActivationTests
{
    [Fact]
    public async Task Name_WithoutAQueue_LeavesWhenItIsNotAskedForAnyMore()
    {
        var log = new EventLog();
        await using var silo = await TestSilo.StartAsync(log: log);
        for (var i = 0; i < 3; i++)
        {
            await silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", $"missing.{i}")).DescribeAsync(default);
        }

        Assert.Equal(["missing.0", "missing.1", "missing.2"], await log.TakeAsync(EventLog.Leaving, 3));
    }

    [Fact]
    public async Task Queue_WithLinks_LeavesOnceItIsDeletedAndTheGatewayKnows()
    {
        var log = new EventLog();
        await using var silo = await TestSilo.StartAsync(log: log);
        var queue = silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", "gone"));
        await queue.DeclareAsync(TestGateway.Declaration(default));
        await using (var link = await GrainLink.OpenAsync(silo.Grains, queue, default))
        {
            await queue.DeleteAsync(default, ifUnused: false, ifEmpty: false);
            _ = await link.Items.ReadAllAsync().LastAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));
            await link.SayLastAsync();
        }

        Assert.Equal(["gone"], await log.TakeAsync(EventLog.Leaving, 1));
    }
}
