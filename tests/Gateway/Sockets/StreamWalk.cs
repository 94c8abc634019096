using CsCheck;
using Granary.Testing.Walks;

namespace Granary.Gateway.Tests.Sockets;

/// <summary>Octets that go through a socket in pieces of random sizes.</summary>
/// <param name="Length">How many.</param>
/// <param name="Seed">Where the sizes begin.</param>
internal sealed record StreamWalk(int Length, int Seed)
{
    /// <summary>Streams of six megabytes on the average; one that fails is made shorter.</summary>
    public static void Check(Func<StreamWalk, Task> check) => Gen.Select(Gen.Int[1, 12 * 1024 * 1024], Gen.Int[0, int.MaxValue], (length, seed) => new StreamWalk(length, seed))
        .Walk(walk => check(walk).GetAwaiter().GetResult(), count: 6, seconds: 60);
}
