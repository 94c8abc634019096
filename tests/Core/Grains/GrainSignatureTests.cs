using Granary.Core.Grains;

namespace Granary.Core.Tests.Grains;

public sealed class GrainSignatureTests
{
    [Fact]
    public void GrainInterfaces_OfCore_AreWhatTheSerializerCarries()
        => Assert.Empty(GrainSignatureCheck.Violations(typeof(IExchangeGrain).Assembly));
}
