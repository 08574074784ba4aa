import NIOCore
import NIOHTTP1

/// NIO's request decoder with our limits, whose errors say what was wrong.
struct RequestDecoder: ByteToMessageDecoder {
    typealias InboundOut = HTTPServerRequestPart

    private let base: HTTPRequestDecoder

    init() {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = ServerLimits.fieldByteCountMax
        limits.maxHeaderListSize = ServerLimits.headByteCountMax
        limits.maxHeaderFieldCount = ServerLimits.fieldCountMax
        base = HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits)
    }

    func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        do { return try base.decode(context: context, buffer: &buffer) } catch { throw Self.explain(error, buffer) }
    }

    func decodeLast(context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool) throws -> DecodingState {
        do { return try base.decodeLast(context: context, buffer: &buffer, seenEOF: seenEOF) } catch {
            throw Self.explain(error, buffer)
        }
    }

    func decoderAdded(context: ChannelHandlerContext) { base.decoderAdded(context: context) }

    func decoderRemoved(context: ChannelHandlerContext) { base.decoderRemoved(context: context) }

    private static func explain(_ error: any Error, _ buffer: ByteBuffer) -> any Error {
        guard let error = error as? HTTPParserError else { return error }
        return RequestRefusal(error, near: buffer.readableBytesView)
    }
}
