using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Topology;

namespace Granary.Silo.Tests.Hosting;

/// <summary>The first moment of a silo.</summary>
public sealed class OwnMembershipTests
{
    [Fact]
    public async Task Start_FollowedByACallAtOnce_FindsAPlaceForItsGrain()
    {
        for (var i = 0; i < 10; i++)
        {
            // Its end throws where the call was placed at a second try: Orleans warns of that.
            await using var silo = await TestSilo.StartAsync();
            var queue = silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", "first"));
            Assert.Null((await queue.DeclareAsync(new QueueDeclaration(default, false, false, false, EncodedTable.Empty, false))).Error);
        }
    }
}
