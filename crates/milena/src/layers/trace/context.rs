//! The context of spans in the headers of records.

use milena_core::record::Headers;
use tracing::Span;

#[cfg(feature = "otel")]
pub(super) use self::otel::Propagation;

/// Without OpenTelemetry there is no context that could be sent along.
#[cfg(not(feature = "otel"))]
#[derive(Clone, Default)]
pub(super) struct Propagation(());

#[cfg(not(feature = "otel"))]
#[expect(clippy::unused_self, reason = "it stands for the one that does something")]
impl Propagation {
    pub(super) fn extract(&self, _: &Span, _: &Headers) {}

    pub(super) fn adopt(&self, _: &Span, _: &Headers) {}

    pub(super) fn link(&self, _: &Span, _: &Headers) {}

    pub(super) fn inject(&self, _: &Span, _: &mut Headers) {}
}

#[cfg(feature = "otel")]
mod otel {
    use super::{Headers, Span};
    use opentelemetry::{
        Context,
        baggage::BaggageExt,
        global::get_text_map_propagator,
        propagation::{Extractor, Injector, TextMapPropagator},
        trace::TraceContextExt,
    };
    use std::sync::Arc;
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    /// A propagator of its own, or else the global one.
    #[derive(Clone, Default)]
    pub(in crate::layers::trace) struct Propagation(
        Option<Arc<dyn TextMapPropagator + Send + Sync>>,
    );

    impl Propagation {
        pub(in crate::layers::trace) fn of(
            propagator: impl TextMapPropagator + Send + Sync + 'static,
        ) -> Self {
            Self(Some(Arc::new(propagator)))
        }

        /// Makes the span a child of the one whose context the headers carry, if they do.
        pub(in crate::layers::trace) fn extract(&self, span: &Span, headers: &Headers) {
            let context = self.read(headers);
            if context.has_active_span() || !context.baggage().is_empty() {
                set_parent(span, context);
            }
        }

        /// Makes the span a child of what runs here, or else of what the headers carry.
        pub(in crate::layers::trace) fn adopt(&self, span: &Span, headers: &Headers) {
            // The first one has the baggage of whoever publishes, and is not there when spans do not activate it.
            let running = [Context::current, || Span::current().context()];
            match running.iter().map(|it| it()).find(Context::has_active_span) {
                Some(running) => set_parent(span, running),
                None => self.extract(span, headers),
            }
        }

        /// Links the span to the one whose context the headers carry.
        pub(in crate::layers::trace) fn link(&self, span: &Span, headers: &Headers) {
            span.add_link(self.read(headers).span().span_context().clone());
        }

        /// Puts the context of the span into the headers.
        pub(in crate::layers::trace) fn inject(&self, span: &Span, headers: &mut Headers) {
            let context = span.context();
            if context.has_active_span() {
                let mut into = Into(headers);
                self.with(|propagator| propagator.inject_context(&context, &mut into));
            }
        }

        fn read(&self, headers: &Headers) -> Context {
            self.with(|propagator| propagator.extract_with_context(&Context::new(), &From(headers)))
        }

        fn with<T>(&self, mut act: impl FnMut(&dyn TextMapPropagator) -> T) -> T {
            match &self.0 {
                Some(own) => act(&**own),
                None => get_text_map_propagator(act),
            }
        }
    }

    fn set_parent(span: &Span, context: Context) {
        // It fails without a layer of OpenTelemetry, and then there are no parents.
        let _ = span.set_parent(context);
    }

    struct From<'a>(&'a Headers);

    impl Extractor for From<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            self.0.get(key).and_then(|value| std::str::from_utf8(value).ok())
        }

        fn keys(&self) -> Vec<&str> {
            self.0.iter().map(|(name, _)| name).collect()
        }
    }

    struct Into<'a>(&'a mut Headers);

    impl Injector for Into<'_> {
        fn set(&mut self, key: &str, value: String) {
            // An empty `tracestate` says nothing, but takes the place of one that was there.
            self.0.remove(key);
            if !value.is_empty() {
                self.0.push(key, value);
            }
        }
    }
}
