using Granary.Testing.Processes;

namespace Granary.Cluster.Tests;

/// <summary>By how much limits on time are longer where others work, too.</summary>
public sealed class MachineLoadTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    [Fact]
    public void Allow_WhereThreeTasksWantEachProcessor_IsMoreThanTwiceTheLimitAndNotWithoutEnd()
    {
        var isOver = false;
        Thread[] busy = [.. Enumerable.Range(0, 3 * MachineLoad.Processors).Select(_ => new Thread(Work))];
        Array.ForEach(busy, static thread => thread.Start());
        try
        {
            using var machine = new MachineLoad();
            Assert.True(SpinWait.SpinUntil(() => machine.Allow(Limit) > 2 * Limit, TimeSpan.FromSeconds(30)), $"{machine.Share}");
            Assert.InRange(machine.Allow(Limit), Limit, 5 * Limit);
        }
        finally
        {
            Volatile.Write(ref isOver, true);
            Array.ForEach(busy, static thread => thread.Join());
        }

        void Work()
        {
            while (!Volatile.Read(ref isOver))
            {
                Thread.SpinWait(100);
            }
        }
    }
}
