using Granary.Core.Grains;
using Granary.Testing;

namespace Granary.Core.Tests.Grains;

public sealed class GrainSignatureTests
{
    [Fact]
    public void GrainInterfaces_OfCore_AreWhatTheRealSerializerCarries()
        => Assert.Empty(GrainSignatureCheck.Violations(typeof(IExchangeGrain).Assembly));
}
